/*
 * The state machine of the token streams; see rebuild.h for what each function promises. All output
 * passes through one buffer, which is hashed and written when it is full and at the end of the file.
 * It never writes more than the plan allows, and never at a place of its own choosing.
 */
#include "rebuild.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
/* The allocator of a decoder can be given only to what is linked statically. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "../checksums/content.h"
#include "budget.h"

/* 8 MiB: rsync's default level uses 2 MiB, and the laptop can't spare more. */
#define WINDOW_LOG_MAX 23

/* What the next byte of the stream belongs to. */
enum step {
  STEP_TOKEN,        /* none: an int */
  STEP_LITERAL,      /* none: `rest` bytes of a literal run */
  STEP_FLAG,         /* compressed: the flag byte */
  STEP_PIECE_LENGTH, /* the low byte of a piece's length */
  STEP_PIECE,        /* `rest` bytes of compressed data */
  STEP_NUMBER,       /* an absolute block number */
  STEP_RUN,          /* the length of a run */
};

struct rebuilder {
  struct hash checksum;
  struct hash digest;
  enum compression compression;
  enum hash_kind kind;
  enum rebuild_state state;
  struct rebuild_plan plan;
  enum step step;
  /* The bytes of the number being read. */
  uint8_t number[4];
  unsigned number_length;
  uint8_t flag;
  size_t rest;
  int64_t block;
  int64_t last_block;
  bool after_piece;
  int64_t size;
  int64_t literal;
  /* Output not yet hashed and written; `size` counts it. */
  uint8_t *held;
  size_t held_count;
  ZSTD_DCtx *zstd;
  z_stream inflate;
};

/* The libraries' memory is the source's, too: it says how large the window is. */
static void *zstd_take(UNUSED void *opaque, size_t size) {
  return budget_take(&budget_source, 1, size);
}

static void zstd_free(UNUSED void *opaque, void *memory) { budget_free(&budget_source, memory); }

static void *zlib_take(UNUSED void *opaque, unsigned count, unsigned size) {
  return budget_take(&budget_source, count, size);
}

static void zlib_free(UNUSED void *opaque, void *memory) { budget_free(&budget_source, memory); }

struct rebuilder *rebuilder_open(enum compression compression, enum hash_kind kind) {
  struct rebuilder *rebuilder = aligned_alloc(64, (sizeof *rebuilder + 63) / 64 * 64);
  if (!rebuilder) return NULL;
  memset(rebuilder, 0, sizeof *rebuilder);
  rebuilder->compression = compression;
  rebuilder->kind = kind;
  rebuilder->held = budget_take(&budget_source, 1, CONTENT_PIECE);
  bool ready = rebuilder->held != NULL;
  if (ready && compression == COMPRESSION_ZSTD) {
    rebuilder->zstd = ZSTD_createDCtx_advanced((ZSTD_customMem){zstd_take, zstd_free, NULL});
    ready = rebuilder->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
                                   rebuilder->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
  }
  if (ready && compression == COMPRESSION_ZLIBX) {
    rebuilder->inflate.zalloc = zlib_take;
    rebuilder->inflate.zfree = zlib_free;
    ready = inflateInit2(&rebuilder->inflate, -15) == Z_OK;
  }
  if (ready) return rebuilder;
  rebuilder_close(rebuilder);
  return NULL;
}

void rebuilder_close(struct rebuilder *rebuilder) {
  if (!rebuilder) return;
  if (rebuilder->compression == COMPRESSION_ZLIBX) inflateEnd(&rebuilder->inflate);
  ZSTD_freeDCtx(rebuilder->zstd);
  budget_free(&budget_source, rebuilder->held);
  free(rebuilder);
}

enum rebuild_state rebuilder_state(const struct rebuilder *rebuilder) { return rebuilder->state; }

int rebuilder_begin(struct rebuilder *rebuilder, const struct rebuild_plan *plan,
                    struct fault *fault) {
  if (sum_head_check(&plan->head, fault)) return -1;
  hash_begin(&rebuilder->checksum, rebuilder->kind);
  hash_begin(&rebuilder->digest, HASH_SHA256);
  // zlibx starts a new stream for every file; zstd has one for the whole connection.
  if (rebuilder->compression == COMPRESSION_ZLIBX) inflateReset(&rebuilder->inflate);
  rebuilder->plan = *plan;
  rebuilder->step = rebuilder->compression == COMPRESSION_NONE ? STEP_TOKEN : STEP_FLAG;
  rebuilder->number_length = 0;
  rebuilder->last_block = 0;
  rebuilder->after_piece = false;
  rebuilder->size = 0;
  rebuilder->literal = 0;
  rebuilder->held_count = 0;
  rebuilder->state = REBUILD_RUNNING;
  return 0;
}

/* Hashes and writes what is held. */
static int write_held(struct rebuilder *rebuilder, struct fault *fault) {
  size_t count = rebuilder->held_count;
  if (count == 0) return 0;
  rebuilder->held_count = 0;
  hash_update(&rebuilder->checksum, rebuilder->held, count);
  hash_update(&rebuilder->digest, rebuilder->held, count);
  if (content_write(rebuilder->plan.target, rebuilder->held, count) == 0) return 0;
  return fault_system(fault, "write", errno);
}

/* The room after what is held: at least one byte. -1 with a fault. */
static ssize_t room(struct rebuilder *rebuilder, struct fault *fault) {
  if (rebuilder->held_count == CONTENT_PIECE && write_held(rebuilder, fault)) return -1;
  return (ssize_t)(CONTENT_PIECE - rebuilder->held_count);
}

static int too_big(struct rebuilder *rebuilder, struct fault *fault) {
  return fault_token(fault, "the file grows past the %" PRId64 " bytes that it may have",
                     rebuilder->plan.size_max);
}

/* `count` bytes were added to what is held. */
static void hold(struct rebuilder *rebuilder, size_t count) {
  rebuilder->held_count += count;
  rebuilder->size += (int64_t)count;
}

static int add_literal(struct rebuilder *rebuilder, const uint8_t *bytes, size_t count,
                       struct fault *fault) {
  if ((uint64_t)count > (uint64_t)(rebuilder->plan.size_max - rebuilder->size)) {
    return too_big(rebuilder, fault);
  }
  rebuilder->literal += (int64_t)count;
  while (count > 0) {
    ssize_t space = room(rebuilder, fault);
    if (space < 0) return -1;
    size_t part = count < (size_t)space ? count : (size_t)space;
    memcpy(rebuilder->held + rebuilder->held_count, bytes, part);
    hold(rebuilder, part);
    bytes += part;
    count -= part;
  }
  return 0;
}

static int copy_blocks(struct rebuilder *rebuilder, int64_t first, int64_t count,
                       struct fault *fault) {
  const struct rebuild_plan *plan = &rebuilder->plan;
  if (first < 0 || count > plan->head.count || first > plan->head.count - count) {
    return fault_token(fault,
                       "block %" PRId64 " and %" PRId64 " more of a basis of %" PRId64 " blocks",
                       first, count - 1, plan->head.count);
  }
  if (plan->basis < 0) {
    return fault_token(fault, "block %" PRId64 " of a file that has no basis", first);
  }
  int64_t position = first * plan->head.block_length;
  int64_t rest = sum_head_span(&plan->head, first, count);
  if (rest > plan->size_max - rebuilder->size) return too_big(rebuilder, fault);
  while (rest > 0) {
    ssize_t space = room(rebuilder, fault);
    if (space < 0) return -1;
    size_t part = rest < space ? (size_t)rest : (size_t)space;
    ssize_t done =
        content_read_at(plan->basis, rebuilder->held + rebuilder->held_count, part, position);
    if (done < 0) return fault_system(fault, "read", errno);
    if ((size_t)done < part) return fault_system(fault, "read", EIO);
    hold(rebuilder, part);
    position += done;
    rest -= done;
  }
  return 0;
}

/* One call of the decompressor. Says how far it got; -1 with a fault. */
static int unpack_once(struct rebuilder *rebuilder, const uint8_t **bytes, size_t *count,
                       uint8_t *target, size_t space, size_t *made, struct fault *fault) {
  bool ended;
  if (rebuilder->compression == COMPRESSION_ZSTD) {
    ZSTD_inBuffer input = {*bytes, *count, 0};
    ZSTD_outBuffer output = {target, space, 0};
    size_t wanted = ZSTD_decompressStream(rebuilder->zstd, &output, &input);
    if (ZSTD_getErrorCode(wanted) == ZSTD_error_memory_allocation)
      return fault_memory(fault, &budget_source);
    if (ZSTD_isError(wanted)) {
      return fault_token(fault, "broken zstd stream: %s", ZSTD_getErrorName(wanted));
    }
    ended = wanted == 0;
    *bytes += input.pos;
    *count -= input.pos;
    *made = output.pos;
  } else {
    z_stream *stream = &rebuilder->inflate;
    stream->next_in = (Bytef *)*bytes;
    stream->avail_in = (uInt)*count;
    stream->next_out = target;
    stream->avail_out = (uInt)space;
    int status = inflate(stream, Z_SYNC_FLUSH);
    if (status == Z_MEM_ERROR) return fault_memory(fault, &budget_source);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return fault_token(fault, "broken deflate stream: %s",
                         stream->msg ? stream->msg : "no reason given");
    }
    ended = status == Z_STREAM_END;
    *bytes = stream->next_in;
    *count = stream->avail_in;
    *made = space - stream->avail_out;
  }
  if (ended) return fault_token(fault, "the compressed stream ends before the file does");
  return 0;
}

/* Decompresses straight to the end of what is held; a piece is at most 16 KiB, so the counts stay small. */
static int unpack(struct rebuilder *rebuilder, const uint8_t *bytes, size_t count,
                  struct fault *fault) {
  for (;;) {
    ssize_t space = room(rebuilder, fault);
    if (space < 0) return -1;
    int64_t allowed = rebuilder->plan.size_max - rebuilder->size;
    uint8_t beyond;
    bool at_limit = allowed == 0;
    uint8_t *target = at_limit ? &beyond : rebuilder->held + rebuilder->held_count;
    size_t target_length = at_limit ? 1 : allowed < space ? (size_t)allowed : (size_t)space;
    size_t made = 0;
    if (unpack_once(rebuilder, &bytes, &count, target, target_length, &made, fault)) return -1;
    if (at_limit && made > 0) return too_big(rebuilder, fault);
    hold(rebuilder, made);
    rebuilder->literal += (int64_t)made;
    if (made < target_length && count == 0) return 0;
  }
}

/* Collects the bytes of a number; true when all `length` of them are there, with its value. */
static bool read_number(struct rebuilder *rebuilder, uint8_t byte, unsigned length,
                        uint32_t *value) {
  rebuilder->number[rebuilder->number_length++] = byte;
  if (rebuilder->number_length < length) return false;
  rebuilder->number_length = 0;
  *value = 0;
  for (unsigned i = 0; i < length; i++) *value |= (uint32_t)rebuilder->number[i] << 8 * i;
  return true;
}

static int end_file(struct rebuilder *rebuilder, struct fault *fault) {
  if (write_held(rebuilder, fault)) return -1;
  rebuilder->state = REBUILD_ENDED;
  return 0;
}

static int take_token(struct rebuilder *rebuilder, int32_t token, struct fault *fault) {
  if (token == 0) return end_file(rebuilder, fault);
  if (token < 0) return copy_blocks(rebuilder, -((int64_t)token + 1), 1, fault);
  rebuilder->rest = (size_t)token;
  rebuilder->step = STEP_LITERAL;
  return 0;
}

static int take_run(struct rebuilder *rebuilder, int64_t run, struct fault *fault) {
  rebuilder->step = STEP_FLAG;
  rebuilder->last_block = rebuilder->block + run;
  return copy_blocks(rebuilder, rebuilder->block, run + 1, fault);
}

static int take_flag(struct rebuilder *rebuilder, uint8_t flag, struct fault *fault) {
  rebuilder->flag = flag;
  if (flag >= 0x40 && flag < 0x80) {
    rebuilder->step = STEP_PIECE_LENGTH;
    return 0;
  }
  // The sender cuts the sync marker off before the first flag that is not data.
  static const uint8_t sync_marker[] = {0, 0, 0xff, 0xff};
  if (rebuilder->after_piece && rebuilder->compression == COMPRESSION_ZLIBX &&
      unpack(rebuilder, sync_marker, sizeof sync_marker, fault)) {
    return -1;
  }
  rebuilder->after_piece = false;
  if (flag == 0) return end_file(rebuilder, fault);
  if (flag == 0x20 || flag == 0x21) {
    rebuilder->step = STEP_NUMBER;
    return 0;
  }
  if (flag < 0x80) return fault_token(fault, "token flag 0x%02x is not defined", flag);
  rebuilder->block = rebuilder->last_block + (flag & 0x3f);
  if (flag < 0xc0) return take_run(rebuilder, 0, fault);
  rebuilder->step = STEP_RUN;
  return 0;
}

/* Takes one byte that is not content. */
static int take_byte(struct rebuilder *rebuilder, uint8_t byte, struct fault *fault) {
  uint32_t value;
  switch (rebuilder->step) {
    case STEP_TOKEN:
      return read_number(rebuilder, byte, 4, &value) ? take_token(rebuilder, (int32_t)value, fault)
                                                     : 0;
    case STEP_PIECE_LENGTH:
      rebuilder->rest = (size_t)(rebuilder->flag & 0x3f) << 8 | byte;
      rebuilder->after_piece = true;
      rebuilder->step = rebuilder->rest > 0 ? STEP_PIECE : STEP_FLAG;
      return 0;
    case STEP_NUMBER:
      if (!read_number(rebuilder, byte, 4, &value)) return 0;
      rebuilder->block = (int32_t)value;
      if (rebuilder->flag == 0x20) return take_run(rebuilder, 0, fault);
      rebuilder->step = STEP_RUN;
      return 0;
    case STEP_RUN:
      return read_number(rebuilder, byte, 2, &value) ? take_run(rebuilder, value, fault) : 0;
    default: return take_flag(rebuilder, byte, fault);
  }
}

/* Takes the next bytes of content: literal or compressed. */
static int take_content(struct rebuilder *rebuilder, const uint8_t *bytes, size_t count,
                        struct fault *fault) {
  bool literal = rebuilder->step == STEP_LITERAL;
  rebuilder->rest -= count;
  if (rebuilder->rest == 0) rebuilder->step = literal ? STEP_TOKEN : STEP_FLAG;
  return literal ? add_literal(rebuilder, bytes, count, fault)
                 : unpack(rebuilder, bytes, count, fault);
}

ssize_t rebuilder_feed(struct rebuilder *rebuilder, const uint8_t *bytes, size_t count,
                       struct fault *fault) {
  size_t used = 0;
  while (used < count && rebuilder->state == REBUILD_RUNNING) {
    int result;
    if (rebuilder->step == STEP_LITERAL || rebuilder->step == STEP_PIECE) {
      size_t part = rebuilder->rest < count - used ? rebuilder->rest : count - used;
      result = take_content(rebuilder, bytes + used, part, fault);
      used += part;
    } else {
      result = take_byte(rebuilder, bytes[used++], fault);
    }
    if (result) {
      rebuilder->state = REBUILD_FAILED;
      return -1;
    }
  }
  return (ssize_t)used;
}

void rebuilder_finish(struct rebuilder *rebuilder, struct rebuild_result *result) {
  uint8_t digest[SHA256_DIGEST_SIZE];
  result->size = rebuilder->size;
  result->literal = rebuilder->literal;
  result->checksum_length = hash_length(rebuilder->kind);
  hash_finish(&rebuilder->checksum, result->checksum);
  hash_finish(&rebuilder->digest, digest);
  hash_hex(digest, sizeof digest, result->digest);
  rebuilder->state = REBUILD_IDLE;
}

int rebuilder_abandon(struct rebuilder *rebuilder, int64_t *size, struct fault *fault) {
  enum rebuild_state state = rebuilder->state;
  *size = rebuilder->size;
  rebuilder->state = REBUILD_FAILED;
  if (state == REBUILD_IDLE || write_held(rebuilder, fault) == 0) return 0;
  return -1;
}
