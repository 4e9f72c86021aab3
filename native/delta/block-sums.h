/* rsync's sum head and the sums of a basis' blocks. Knows nothing of JavaScript. */
#ifndef BLOCK_SUMS_H
#define BLOCK_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "../checksums/hash.h"
#include "fault.h"

/* rsync.h MAX_BLOCK_SIZE, from protocol 30 on (bytes). */
#define BLOCK_LENGTH_MAX 131072

/* As in the contract; wide, because it comes from outside and sum_head_check has yet to judge it. */
struct sum_head {
  int64_t count;
  int64_t block_length;
  int64_t strong_length;
  int64_t remainder;
};

/* 0, or -1 with a fault for an impossible head. */
int sum_head_check(const struct sum_head *head, struct fault *fault);

/* Bytes of the basis that blocks first .. first+count-1 cover; all of them must exist. */
int64_t sum_head_span(const struct sum_head *head, int64_t first, int64_t count);

/* rsync's rolling sum of one block (checksum.c get_checksum1). */
uint32_t weak_sum(const uint8_t *block, size_t count);

/* Writes `count` sums of 4 + strong_length bytes. 0, or -1 with a fault. */
int block_sums(int basis, const struct sum_head *head, int64_t first, int64_t count,
               enum hash_kind kind, int32_t seed, uint8_t *sums, struct fault *fault);

#endif
