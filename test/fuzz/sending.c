/*
 * What a client asks for (native/sending/sender.c): any sums, in pieces, against any file; what comes out is put
 * together again by the rebuilder (native/delta/rebuild.c). With sums of the basis the file comes out; with any
 * others the tokens are still those of a file of its size.
 */
#include "../../native/sending/sender.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../native/delta/rebuild.h"
#include "support/fuzz.h"

/* So that a run is spent on new sums, and not on hashing. */
#define BLOCK_MAX 64
#define PIECE_SIZE 4096

struct plan {
  struct sender_options options;
  struct sum_head head;
  bool has_true_sums;
  bool in_place;
  size_t piece;
};

static struct plan read_plan(struct input *input) {
  uint8_t choice = input_byte(input);
  struct plan plan = {
      .options = {.compression = (choice >> 4) % 3,
                  .kind = HASH_XXH64,
                  .seed = 1,
                  .seed_first = choice & 2},
      .has_true_sums = choice & 4,
      .in_place = choice & 8,
      .piece = input_byte(input) + 1u,
  };
  plan.head.block_length = input_byte(input) % BLOCK_MAX + 1;
  plan.head.strong_length = plan.has_true_sums ? 8 : input_byte(input) % 10;
  return plan;
}

static void feed(struct sender *sender, const uint8_t *sums, size_t count, size_t piece) {
  for (size_t at = 0; at < count;) {
    size_t length = count - at < piece ? count - at : piece;
    CHECK(sender_feed(sender, sums + at, length) == length);
    at += length;
  }
}

/* The sums of the basis, or what the input has. To be freed. */
static uint8_t *make_sums(const struct plan *plan, int basis, struct input *input) {
  size_t size = (size_t)plan->head.count * (4 + (size_t)plan->head.strong_length);
  uint8_t *sums = calloc(1, size + 1);
  struct fault fault = {0};
  CHECK(sums);
  if (plan->has_true_sums) {
    CHECK(block_sums(basis, &plan->head, 0, plan->head.count, plan->options.kind,
                     plan->options.seed, sums, &fault) == 0);
  } else {
    for (size_t i = 0; i < size; i++) sums[i] = input_byte(input);
  }
  return sums;
}

/* Sends the file and rebuilds it. */
static void send_and_rebuild(struct sender *sender, struct rebuilder *rebuilder,
                             const struct plan *plan, int basis, int source, struct input content) {
  static int target = -1;
  struct fault fault = {0};
  struct sent_file file = {.fd = source, .size = (int64_t)content.count};
  file.in_place = plan->in_place;
  struct rebuild_plan rebuild = {
      .head = plan->head,
      .basis = basis,
      .target = memory_file(&target, (const uint8_t *)"", 0),
      .size_max = file.size,
  };
  CHECK(rebuilder_begin(rebuilder, &rebuild, &fault) == 0);
  CHECK(sender_begin(sender, &file, &fault) == 0);
  uint8_t piece[PIECE_SIZE], sum[HASH_LENGTH_MAX];
  size_t sum_length = 0;
  while (sender_state(sender) == SENDER_RUNNING) {
    ssize_t count = sender_produce(sender, piece, plan->piece, &fault);
    CHECK(count >= 0);
    ssize_t used = rebuilder_feed(rebuilder, piece, (size_t)count, &fault);
    CHECK(used >= 0);
    if (used == count) continue;
    size_t rest = (size_t)(count - used);
    CHECK(rebuilder_state(rebuilder) == REBUILD_ENDED && sum_length + rest <= sizeof sum);
    memcpy(sum + sum_length, piece + used, rest);
    sum_length += rest;
  }
  struct sent_result sent;
  sender_finish(sender, &sent);
  struct rebuild_result rebuilt;
  CHECK(rebuilder_state(rebuilder) == REBUILD_ENDED);
  rebuilder_finish(rebuilder, &rebuilt);
  CHECK(rebuilt.size == file.size && rebuilt.literal == sent.literal);
  CHECK(sent.literal + sent.matched == file.size && sent.saved_errno == 0);
  CHECK(sum_length == hash_length(plan->options.kind));
  if (plan->has_true_sums) CHECK(memcmp(sum, rebuilt.checksum, sum_length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static int basis_file = -1, source_file = -1;
  struct input input = {bytes, count};
  struct plan plan = read_plan(&input);
  size_t basis_length = input_short(&input);
  if (basis_length > input.count) basis_length = input.count;
  struct input basis = {input.bytes, basis_length};
  input.bytes += basis_length;
  input.count -= basis_length;
  size_t block_length = (size_t)plan.head.block_length;
  plan.head.count = (int64_t)((basis.count + block_length - 1) / block_length);
  plan.head.remainder = (int64_t)(basis.count % block_length);
  int basis_fd = memory_file(&basis_file, basis.bytes, basis.count);
  uint8_t *sums = make_sums(&plan, basis_fd, &input);
  size_t size = (size_t)plan.head.count * (4 + (size_t)plan.head.strong_length);
  int source_fd = memory_file(&source_file, input.bytes, input.count);
  struct fault fault = {0};
  struct sender *sender = sender_open(&plan.options, &fault);
  CHECK(sender);
  // zstd's stream spans the files of a connection.
  struct rebuilder *rebuilder = rebuilder_open(plan.options.compression, plan.options.kind);
  CHECK(rebuilder);
  // The second time as well: what one file leaves behind is no business of the next.
  for (int i = 0; i < 2; i++) {
    if (sender_begin_sums(sender, &plan.head, APPEND_NOT, &fault)) {
      CHECK(fault.kind == FAULT_TOKEN && plan.head.strong_length > 8);
      break;
    }
    feed(sender, sums, size, plan.piece);
    CHECK(sender_state(sender) == SENDER_READY);
    send_and_rebuild(sender, rebuilder, &plan, basis_fd, source_fd, input);
  }
  rebuilder_close(rebuilder);
  sender_close(sender);
  free(sums);
  return 0;
}
