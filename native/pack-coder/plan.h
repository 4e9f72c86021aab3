/*
 * One file of a pack: tries each of its bases, and keeps what takes the fewest bytes. Knows nothing of the
 * frames and of the files around it.
 */
#ifndef PACK_CODER_PLAN_H
#define PACK_CODER_PLAN_H

#include "coding.h"
#include "pool.h"
#include "source-file.h"

#define BASES_MAX 8

struct plan_base {
  char *path;
  int64_t line;
  uint64_t size;
  bool is_new;
};

struct plan {
  /* What it is to be made of. */
  struct task task;
  int old_tree, new_tree;
  char *path;
  int64_t line;
  uint64_t size;
  bool is_plain;
  struct plan_base bases[BASES_MAX];
  unsigned base_count;
  /* Bytes that it may take. */
  size_t memory;

  /* What came of it: errno of the call that could not read it, or else the record without its line. */
  int failed;
  const char *failed_path;
  struct sections sections;
  /* The base that won, or -1, and what was opened. */
  int chosen;
  bool is_opened;
  /*
   * What it is made from teaches the next files of the stretch and was taught by those before, so that all but the
   * first `head_length` bytes of the sections has to be written again in its place. Both contents stay for that.
   */
  bool is_taught;
  size_t head_length;
  struct coding coding;
  struct source_file new_file, base_file;
};

/* For a thread of the pool. */
void plan_run(struct task *task);
/* Writes the sections of a taught one once more, with a predictor that went through the stretch up to here. */
void plan_write_again(struct plan *plan, struct predictor *predictor);
/* What a plan may take at most, from its sizes. */
size_t plan_memory(uint64_t size, uint64_t base_size_max);
/* Everything but paths. */
void plan_free(struct plan *plan);

#endif
