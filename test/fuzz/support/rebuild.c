/* See rebuild.h: no file is longer than allowed, and what is told of it is true of what was written. */
#include "rebuild.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "budget.h"
#include "fuzz.h"

#define BASIS_SIZE 40000

static int basis_file(void) {
  static int fd = -1;
  if (fd >= 0) return fd;
  uint8_t bytes[BASIS_SIZE];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 ^ i >> 8);
  return memory_file(&fd, bytes, sizeof bytes);
}

/* Nine bytes. Reaches beyond the basis, too, and is sometimes impossible. */
static struct rebuild_plan read_plan(struct input *input) {
  struct rebuild_plan plan = {.basis = -1};
  uint8_t choice = input_byte(input);
  plan.head.block_length = input_short(input);
  plan.head.count = input_byte(input);
  plan.head.strong_length = 16;
  plan.head.remainder = input_short(input);
  plan.size_max = (int64_t)input_short(input) * (choice & 2 ? 100 : 1);
  if (choice & 1) plan.basis = basis_file();
  if (choice & 4) plan.head.remainder = 0;
  return plan;
}

static void check_result(int target, const struct rebuild_plan *plan,
                         const struct rebuild_result *result) {
  struct stat status;
  CHECK(fstat(target, &status) == 0 && status.st_size == result->size);
  CHECK(result->size <= plan->size_max && result->literal <= result->size);
  struct hash hash;
  uint8_t digest[32];
  char text[65];
  hash_begin(&hash, HASH_SHA256);
  if (result->size > 0) {
    void *content = mmap(NULL, (size_t)result->size, PROT_READ, MAP_SHARED, target, 0);
    CHECK(content != MAP_FAILED);
    hash_update(&hash, content, (size_t)result->size);
    munmap(content, (size_t)result->size);
  }
  hash_finish(&hash, digest);
  hash_hex(digest, sizeof digest, text);
  CHECK(strcmp(text, result->digest) == 0);
}

/* One file of the stream. False if it did not end well. */
static bool rebuild_one(struct rebuilder *rebuilder, const struct rebuild_plan *plan,
                        struct input *input, size_t piece) {
  struct fault fault = {0};
  if (rebuilder_begin(rebuilder, plan, &fault)) return false;
  while (rebuilder_state(rebuilder) == REBUILD_RUNNING && input->count > 0) {
    size_t length = input->count < piece ? input->count : piece;
    uint8_t *window = exact_copy(input->bytes, length);
    ssize_t used = rebuilder_feed(rebuilder, window, length, &fault);
    free(window);
    if (used < 0) {
      CHECK(fault.kind != FAULT_NONE && rebuilder_state(rebuilder) == REBUILD_FAILED);
      return false;
    }
    CHECK((size_t)used <= length);
    input->bytes += used;
    input->count -= (size_t)used;
  }
  if (rebuilder_state(rebuilder) != REBUILD_ENDED) return false;
  struct rebuild_result result;
  rebuilder_finish(rebuilder, &result);
  check_result(plan->target, plan, &result);
  return true;
}

int fuzz_rebuild(enum compression compression, const uint8_t *bytes, size_t count) {
  static int target = -1;
  struct input input = {bytes, count};
  enum hash_kind kind = input_byte(&input) & 7;
  size_t piece = (size_t)input_byte(&input) * 37 + 1;
  struct rebuild_plan plan = read_plan(&input);
  struct rebuilder *rebuilder = rebuilder_open(compression, kind);
  CHECK(rebuilder);
  bool fine = true;
  while (fine && input.count > 0) {
    plan.target = memory_file(&target, NULL, 0);
    fine = rebuild_one(rebuilder, &plan, &input, piece);
  }
  if (!fine && rebuilder_state(rebuilder) != REBUILD_IDLE) {
    struct fault fault = {0};
    struct stat status;
    int64_t size;
    CHECK(rebuilder_abandon(rebuilder, &size, &fault) == 0);
    CHECK(fstat(plan.target, &status) == 0 && status.st_size == size && size <= plan.size_max);
  }
  rebuilder_close(rebuilder);
  CHECK(budget_source.held == 0);
  return 0;
}
