/* Writing tokens; see token-writer.h for what each function promises. */
#include "token-writer.h"

#include <string.h>

#include "budget.h"

/* The longest run: the number of further blocks has 16 bits. */
#define RUN_MAX 65536
/* A piece, and what may turn out to be the marker of a flush. */
#define PACKED_SIZE (PIECE_MAX + PACKER_MARKER_MAX)

int token_writer_open(struct token_writer *writer, enum compression compression,
                      struct fault *fault) {
  memset(writer, 0, sizeof *writer);
  writer->block = BLOCK_NONE;
  if (compression == COMPRESSION_NONE) return 0;
  writer->packer = packer_open(compression, fault);
  if (!writer->packer) return -1;
  writer->packed = budget_take(&budget_clients, 1, PACKED_SIZE);
  return writer->packed ? 0 : fault_memory(fault, &budget_clients);
}

void token_writer_close(struct token_writer *writer) {
  packer_close(writer->packer);
  budget_free(&budget_clients, writer->packed);
  memset(writer, 0, sizeof *writer);
}

void token_writer_begin(struct token_writer *writer) {
  writer->last = 0;
  if (writer->packer) packer_begin(writer->packer);
}

void token_writer_say(struct token_writer *writer, const uint8_t *literal, size_t length,
                      uint32_t block) {
  bool goes_on = length == 0 && block == writer->run_first + writer->run_count &&
                 writer->run_count > 0 && writer->run_count < RUN_MAX;
  if (goes_on) {
    writer->run_count++;
    return;
  }
  writer->run_ends = writer->run_count > 0;
  writer->literal = literal;
  writer->literal_length = length;
  writer->block = block;
}

void token_writer_end(struct token_writer *writer, const uint8_t *sum, size_t length) {
  writer->run_ends = writer->run_count > 0;
  writer->ends = true;
  writer->sum = sum;
  writer->sum_length = length;
}

static void put(struct token_writer *writer, uint32_t value, int count) {
  for (int i = 0; i < count; i++) {
    writer->small[writer->small_length++] = (uint8_t)(value >> 8 * i);
  }
}

/* Without compression each block is a number of its own. */
static void put_plain_block(struct token_writer *writer) {
  put(writer, ~writer->run_first, 4);
  writer->run_first++;
  writer->run_count--;
  writer->run_ends = writer->run_count > 0;
}

static void put_run(struct token_writer *writer) {
  uint32_t further = writer->run_count - 1;
  uint32_t distance = writer->run_first - writer->last;
  bool is_near = writer->run_first >= writer->last && distance <= 63;
  if (is_near) {
    put(writer, (further ? 0xc0 : 0x80) | distance, 1);
  } else {
    put(writer, further ? 0x21 : 0x20, 1);
    put(writer, writer->run_first, 4);
  }
  if (further) put(writer, further, 2);
  writer->last = writer->run_first + further;
  writer->run_count = 0;
  writer->run_ends = false;
}

static void put_piece(struct token_writer *writer, size_t length) {
  put(writer, 0x40 | (uint32_t)(length >> 8), 1);
  put(writer, (uint32_t)length & 0xff, 1);
  writer->body = writer->packed;
  writer->body_length = length;
  writer->piece_length = length;
}

/* A piece that was taken makes room. */
static void drop_piece(struct token_writer *writer) {
  writer->packed_length -= writer->piece_length;
  memmove(writer->packed, writer->packed + writer->piece_length, writer->packed_length);
  writer->piece_length = 0;
}

/* Packs until a piece is full, or all is in. 0, or -1 with a fault. */
static int pack(struct token_writer *writer, bool flush, struct fault *fault) {
  size_t marker_length = packer_marker_length(writer->packer);
  size_t size = PIECE_MAX + marker_length;
  bool done = false;
  struct packing packing = {writer->literal, writer->literal_length,
                            writer->packed + writer->packed_length, size - writer->packed_length};
  if (packer_pack(writer->packer, &packing, flush, &done, fault)) return -1;
  writer->literal = packing.source;
  writer->literal_length = packing.source_length;
  writer->packed_length = size - packing.target_length;
  writer->is_unflushed = true;
  if (flush && done) {
    writer->is_unflushed = false;
    // The marker may be in part what the last piece has left over; the whole of it is always here.
    size_t length = writer->packed_length - marker_length;
    writer->packed_length = length;
    if (length > 0) put_piece(writer, length);
  } else if (packing.target_length == 0) {
    put_piece(writer, PIECE_MAX);
  }
  return 0;
}

/* The next thing to be taken: 1, 0 if there is none, or -1 with a fault. */
static int advance(struct token_writer *writer, struct fault *fault) {
  writer->small_at = writer->small_length = 0;
  if (writer->piece_length > 0) drop_piece(writer);
  while (writer->body_length == 0 && writer->small_length == 0) {
    if (writer->run_ends) {
      if (writer->packer) put_run(writer);
      else put_plain_block(writer);
    } else if (writer->literal_length > 0 && writer->packer) {
      if (pack(writer, false, fault)) return -1;
    } else if (writer->literal_length > 0) {
      put(writer, (uint32_t)writer->literal_length, 4);
      writer->body = writer->literal;
      writer->body_length = writer->literal_length;
      writer->literal_length = 0;
    } else if (writer->is_unflushed && (writer->ends || writer->block != BLOCK_NONE)) {
      if (pack(writer, true, fault)) return -1;
    } else if (writer->block != BLOCK_NONE) {
      writer->run_first = writer->block;
      writer->run_count = 1;
      writer->block = BLOCK_NONE;
    } else if (writer->ends) {
      put(writer, 0, writer->packer ? 1 : 4);
      writer->body = writer->sum;
      writer->body_length = writer->sum_length;
      writer->ends = false;
    } else {
      return 0;
    }
  }
  return 1;
}

ssize_t token_writer_take(struct token_writer *writer, uint8_t *bytes, size_t count,
                          struct fault *fault) {
  size_t taken = 0;
  while (taken < count) {
    size_t small = writer->small_length - writer->small_at;
    if (small > count - taken) small = count - taken;
    memcpy(bytes + taken, writer->small + writer->small_at, small);
    writer->small_at += small;
    taken += small;
    size_t body = writer->body_length;
    if (body > count - taken) body = count - taken;
    if (body > 0) {
      memcpy(bytes + taken, writer->body, body);
      writer->body += body;
      writer->body_length -= body;
      taken += body;
    }
    if (writer->body_length > 0 || writer->small_at < writer->small_length) continue;
    int more = advance(writer, fault);
    if (more < 0) return -1;
    if (more == 0) break;
  }
  return (ssize_t)taken;
}
