/*
 * Prediction (native/packs): a base that may be any file, blocks and shifts that a pack may claim. It reads
 * nothing beside the piece and its context, and the decoder, from its fixes, predicts what the coder does from the
 * right bytes.
 */
#include "../../native/packs/predict.h"

#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"

#define BLOCKS_USED_MAX 15

static int read_base(void *owner, uint64_t place, void *bytes, size_t count) {
  const struct input *base = owner;
  CHECK(place <= base->count && count <= base->count - place);
  memcpy(bytes, base->bytes + place, count);
  return 0;
}

/* What the coder or the decoder holds. */
struct side {
  struct predictor *predictor;
  struct block map[BLOCKS_USED_MAX];
  /* 1: the base is one that can be predicted from. */
  int ready;
};

static void begin(struct side *side, enum prediction prediction, const struct old_bytes *old,
                  const struct elf_shape *shape, const struct block *blocks, size_t count) {
  CHECK(side->predictor);
  memcpy(side->map, blocks, count * sizeof *blocks);
  map_sort(side->map, count);
  predictor_forget_stretch(side->predictor);
  side->ready = predictor_begin(side->predictor, prediction, old, shape, side->map, count);
  CHECK(side->ready >= 0);
}

/* One piece on both sides, each in memory of just its size. */
static void predict_both(struct side *decoder, struct side *coder, struct input base,
                         const struct block *block) {
  size_t context = block->old_place < PIECE_CONTEXT ? block->old_place : PIECE_CONTEXT;
  uint8_t *old = exact_copy(base.bytes + block->old_place - context, context + block->length);
  uint8_t *predicted = malloc(block->length), *again = malloc(block->length),
          *fixes = malloc(block->length), *truth = malloc(block->length);
  CHECK(predicted && again && fixes && truth);
  /* Most bytes are predicted right, as in life. */
  for (size_t i = 0; i < block->length; i++) {
    fixes[i] = i % 5 == 0 && base.bytes[i] % 3 == 0 ? base.bytes[base.count - 1 - i] : 0;
  }
  struct piece piece = {block->new_place, block->old_place, block->length, old + context,
                        context,          predicted,        NULL,          fixes};
  predict_piece(decoder->predictor, &piece);
  for (size_t i = 0; i < block->length; i++) truth[i] = (uint8_t)(predicted[i] + fixes[i]);
  piece.predicted = again;
  piece.fixes = NULL;
  piece.known = truth;
  predict_piece(coder->predictor, &piece);
  CHECK(memcmp(predicted, again, block->length) == 0);
  free(truth);
  free(fixes);
  free(again);
  free(predicted);
  free(old);
}

/* In the order of the content, and each in the base. */
static size_t read_blocks(struct input *input, struct block *blocks) {
  size_t count = input_byte(input) % (BLOCKS_USED_MAX + 1);
  uint32_t place = 0;
  for (size_t i = 0; i < count; i++) {
    struct block *block = &blocks[i];
    block->new_place = place + input_byte(input);
    block->old_place = input_short(input);
    block->length = input_short(input);
    place = block->new_place + block->length;
  }
  return count;
}

static size_t keep_fitting(struct block *blocks, size_t count, size_t base_size) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    struct block block = blocks[i];
    if (block.old_place >= base_size) continue;
    if (block.length > base_size - block.old_place) {
      block.length = (uint32_t)(base_size - block.old_place);
    }
    if (block.length > 0) blocks[kept++] = block;
  }
  return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  struct block blocks[BLOCKS_USED_MAX];
  int64_t numbers[SHAPE_NUMBERS_MAX];
  struct elf_shape old_shape, new_shape;
  enum prediction prediction = input_byte(&input) % 3;
  size_t block_count = read_blocks(&input, blocks);
  unsigned number_count = input_byte(&input) % (SHAPE_NUMBERS_MAX + 1);
  for (unsigned i = 0; i < number_count; i++) numbers[i] = (int16_t)input_short(&input);
  uint8_t *base_bytes = exact_copy(input.bytes, input.count);
  struct input base = {base_bytes, input.count};
  struct old_bytes old = {&base, read_base, base.count};
  block_count = keep_fitting(blocks, block_count, base.count);
  bool fits = elf_shape_read(&old, &old_shape) == 1 &&
              elf_shape_apply(&old_shape, numbers, number_count, &new_shape);
  /* One comes from the file before, the other is new. */
  static struct predictor *used;
  if (!used) used = calloc(1, predictor_size());
  struct side decoder = {.predictor = used}, coder = {.predictor = calloc(1, predictor_size())};
  begin(&decoder, prediction, &old, fits ? &new_shape : NULL, blocks, block_count);
  begin(&coder, prediction, &old, fits ? &new_shape : NULL, blocks, block_count);
  CHECK(decoder.ready == coder.ready);
  for (size_t i = 0; decoder.ready == 1 && i < block_count; i++) {
    predict_both(&decoder, &coder, base, &blocks[i]);
  }
  free(coder.predictor);
  free(base_bytes);
  return 0;
}
