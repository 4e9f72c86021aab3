/*
 * Writes the token stream of a file (rsync token.c): literals, compressed or not, runs of blocks, the end, and the
 * sum behind it. Something new may be said when all that was said before is taken. Knows nothing of JavaScript.
 */
#ifndef TOKEN_WRITER_H
#define TOKEN_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "block-table.h"
#include "packer.h"

/* The longest run of literals: rsync 3.4.3 and 3.4.4 refuse longer ones (bytes). */
#define LITERAL_MAX 32768
/* Of one piece of compressed data (bytes): its length has 14 bits. */
#define PIECE_MAX 16383

struct token_writer {
  /* NULL: literals go out as they are. */
  struct packer *packer;
  /* The run of blocks that goes on growing until something else comes. */
  uint32_t run_first;
  uint32_t run_count;
  /* What is to be written next, in this order: the run, the literals, a block or the end. */
  bool run_ends;
  const uint8_t *literal;
  size_t literal_length;
  uint32_t block;
  bool ends;
  /* The last block of the last run that was written. */
  uint32_t last;
  /* Literals in the packer that no flush has brought out. */
  bool is_unflushed;
  /* What has been packed, and how much of it the piece that is being taken has. */
  uint8_t *packed;
  size_t packed_length;
  size_t piece_length;
  /* What is being taken: a few bytes, and more elsewhere. */
  uint8_t small[16];
  size_t small_at;
  size_t small_length;
  const uint8_t *body;
  size_t body_length;
  const uint8_t *sum;
  size_t sum_length;
};

/* 0, or -1 with a fault. To be closed either way. */
int token_writer_open(struct token_writer *writer, enum compression compression,
                      struct fault *fault);
void token_writer_close(struct token_writer *writer);

void token_writer_begin(struct token_writer *writer);
/* At most LITERAL_MAX bytes, which stay where they are until they are taken, and then a block if there is one. */
void token_writer_say(struct token_writer *writer, const uint8_t *literal, size_t length,
                      uint32_t block);
/* The file's end, with its sum. */
void token_writer_end(struct token_writer *writer, const uint8_t *sum, size_t length);

/* Writes what comes next; less than `count` if something new may be said. -1 with a fault. */
ssize_t token_writer_take(struct token_writer *writer, uint8_t *bytes, size_t count,
                          struct fault *fault);

#endif
