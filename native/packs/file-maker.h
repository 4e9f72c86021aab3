/* Makes one file out of its record, the frames that it goes through, and its base. */
#ifndef FILE_MAKER_H
#define FILE_MAKER_H

#include "file-record.h"
#include "frame-index.h"
#include "gzip.h"
#include "output.h"

struct file_maker;

/* NULL: no memory (budget_pack). */
struct file_maker *file_maker_open(struct frame_index *index);
void file_maker_close(struct file_maker *maker);

/* What was learned from the files of a stretch is forgotten. */
void file_maker_begin_stretch(struct file_maker *maker);

struct file_wish {
  const struct file_record *record;
  /* As the manifest says. */
  uint32_t size;
  /* -1: there is none. */
  int base, target;
  /* Nothing is made: the record is passed over. */
  bool skip;
};

struct file_result {
  /* What is wrong with the base; empty: it was made. */
  char reason[200];
  int64_t size;
  char digest[65];
};

/* 0, or -1 with a fault, after which nothing more can be read. */
int file_make(struct file_maker *maker, const struct file_wish *wish, struct file_result *result,
              struct fault *fault);

#endif
