/*
 * Reads a manifest line by line with bounded memory: by pread from a place of its own, so that
 * many readers can share a descriptor. Holds the order and the parents of the entries to account.
 */
#ifndef TREES_MANIFEST_READER_H
#define TREES_MANIFEST_READER_H

#include "manifest-line.h"
#include "values.h"

#define READ_LENGTH (64 * 1024)

struct manifest_reader {
  /* The caller's. */
  int fd;
  int64_t position;
  /* Bytes asked of the file at a time: READ_LENGTH, or less where single lines are looked up. */
  size_t read_length;
  uint64_t line_number;
  uint64_t entries;
  /* The line that was read last, without newline, and where it begins in the file. */
  const char *line;
  size_t line_length;
  int64_t line_offset;
  /* What is in the buffer and not yet read. */
  size_t start, end;
  /* The path before. */
  char last[PATH_SIZE_MAX];
  size_t last_length;
  /*
   * The directories under which an entry can still come. In a sorted manifest all of them are
   * prefixes of the path that was read last, so their lengths say it all; with a mark for the user.
   */
  struct open_directory {
    uint16_t length;
    bool mark;
  } directories[PATH_SIZE_MAX];
  size_t directory_count;
  bool root_mark;
  /* Where the parent of the entry stands among them; NULL: it is in the root. */
  struct open_directory *parent;
  char buffer[LINE_LENGTH_MAX + READ_LENGTH];
};

enum read_result { READ_FAILED = -1, READ_END = 0, READ_ENTRY = 1 };

/* From the start of the file. NULL with an exception. To be freed (js_free). */
struct manifest_reader *manifest_reader_new(JSContext *context, int fd);

/* The next line that is not a comment. READ_FAILED has thrown. */
enum read_result manifest_next_line(JSContext *context, struct manifest_reader *reader);

/* The next entry, all of it, in its right place. READ_FAILED has thrown. */
enum read_result manifest_next(JSContext *context, struct manifest_reader *reader,
                               struct entry *entry);

/* The same for a manifest that was checked before: only the path is taken apart, and its order. */
enum read_result manifest_next_path(JSContext *context, struct manifest_reader *reader,
                                    struct entry *entry);

/*
 * Takes the next line where it is the one that `other` read last, which is `entry`: far cheaper than to
 * read it. False where it is another one, or not yet in the buffer; then nothing is taken.
 */
bool manifest_take_line(struct manifest_reader *reader, const struct manifest_reader *other,
                        const struct entry *entry);

/* Marks the directory whose entry was read last. */
void manifest_mark_directory(struct manifest_reader *reader, bool mark);
/* The mark of the entry's parent. */
bool manifest_parent_mark(const struct manifest_reader *reader);

/* Throws a ManifestError about a line; -1 for the callers' convenience. */
int throw_manifest_error(JSContext *context, uint64_t line_number, const char *line, size_t length,
                         const char *problem);

#endif
