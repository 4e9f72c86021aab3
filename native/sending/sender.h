/*
 * Sends files (rsync match.c): finds the blocks of a client's sums in them, and says the rest literally. The work
 * at each byte is bounded, whatever the sums are. Knows nothing of JavaScript.
 */
#ifndef SENDER_H
#define SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../checksums/hash.h"
#include "../delta/block-sums.h"
#include "../delta/compression.h"
#include "../delta/fault.h"

struct sender;

struct sender_options {
  enum compression compression;
  enum hash_kind kind;
  int32_t seed;
  bool seed_first;
};

enum append { APPEND_NOT, APPEND_TAIL, APPEND_WHOLE };

struct sent_file {
  /* -1: `made` are the bytes. */
  int fd;
  const uint8_t *made;
  size_t made_length;
  int64_t size;
  bool in_place;
};

struct sent_result {
  int64_t literal;
  int64_t matched;
  /* 0, or why the file could not be read as it was. */
  int saved_errno;
};

enum sender_state {
  SENDER_IDLE,
  SENDER_SUMS,
  SENDER_READY,
  SENDER_RUNNING,
  SENDER_ENDED,
  SENDER_FAILED
};

/* NULL with a fault. */
struct sender *sender_open(const struct sender_options *options, struct fault *fault);
void sender_close(struct sender *sender);
enum sender_state sender_state(const struct sender *sender);

/* Only when idle. 0, or -1 with a fault, and still idle. */
int sender_begin_sums(struct sender *sender, const struct sum_head *head, enum append append,
                      struct fault *fault);
/* When sums are to come or are there. The bytes used. */
size_t sender_feed(struct sender *sender, const uint8_t *bytes, size_t count);
/* Only when ready; then idle again. */
void sender_drop(struct sender *sender);

/* Only when ready. 0, or -1 with a fault: the sender has failed. */
int sender_begin(struct sender *sender, const struct sent_file *file, struct fault *fault);
/* Only when running or ended. The bytes written, or -1 with a fault. */
ssize_t sender_produce(struct sender *sender, uint8_t *bytes, size_t count, struct fault *fault);
/* Only when ended; then idle again. */
void sender_finish(struct sender *sender, struct sent_result *result);

#endif
