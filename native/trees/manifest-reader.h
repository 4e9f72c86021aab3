/*
 * Reads a manifest line by line with bounded memory: by pread at a position of its own, so that many
 * readers can share a descriptor. Checks the order and the parents of the entries.
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
  /* Bytes asked of the file at a time: READ_LENGTH, or less if single lines are looked up. */
  size_t read_length;
  uint64_t line_number;
  uint64_t entries;
  /* Of all paths that were read. */
  int64_t paths_length;
  /* The last line that was read, without newline, and where it begins in the file. */
  const char *line;
  size_t line_length;
  int64_t line_offset;
  /* What is in the buffer and not yet read. */
  size_t start, end;
  /* The path before. */
  char last[PATH_SIZE_MAX];
  size_t last_length;
  /*
   * The directories under which an entry can still come. In a sorted manifest all of them are prefixes of
   * the last path that was read, so their lengths are enough. Each has a mark for the caller's use.
   */
  struct open_directory {
    uint16_t length;
    bool mark;
  } directories[PATH_SIZE_MAX];
  size_t directory_count;
  bool root_mark;
  /* The parent of the entry among them; NULL: the entry is in the root. */
  struct open_directory *parent;
  char buffer[LINE_LENGTH_MAX + READ_LENGTH];
};

/* What to ask of the file at a time where single lines are looked up: most are shorter (bytes). */
#define LOOKUP_LENGTH 1024

enum read_result { READ_FAILED = -1, READ_END = 0, READ_ENTRY = 1 };

/* From the start of the file. NULL with an exception. To be freed (js_free). */
struct manifest_reader *manifest_reader_new(JSContext *context, int fd);

/* Places the reader so that the next line is the one that begins at the offset. */
void manifest_seek(struct manifest_reader *reader, int64_t offset);

/* The next line that is not a comment. READ_FAILED has thrown. */
enum read_result manifest_next_line(JSContext *context, struct manifest_reader *reader);

/* The next entry, whole and checked for its place. READ_FAILED has thrown. */
enum read_result manifest_next(JSContext *context, struct manifest_reader *reader,
                               struct entry *entry);

/* The same for a manifest that was checked before: only the path and its order are looked at. */
enum read_result manifest_next_path(JSContext *context, struct manifest_reader *reader,
                                    struct entry *entry);

/*
 * Takes the next line if it is the last one that `other` read, which is `entry`: far cheaper than reading
 * it. False if it is another one, or not yet in the buffer; then nothing is taken.
 */
bool manifest_take_line(struct manifest_reader *reader, const struct manifest_reader *other,
                        const struct entry *entry);

/* Sets the mark of the directory whose entry was just read. */
void manifest_mark_directory(struct manifest_reader *reader, bool mark);
/* The mark of the entry's parent. */
bool manifest_parent_mark(const struct manifest_reader *reader);

/* Throws a ManifestError about a line; -1 for the callers' convenience. */
int throw_manifest_error(JSContext *context, uint64_t line_number, const char *line, size_t length,
                         const char *problem);

#endif
