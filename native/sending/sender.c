/* Finding blocks and saying the rest; see sender.h for what each function promises. */
#include "sender.h"

#include <stdlib.h>
#include <string.h>

#include "block-table.h"
#include "budget.h"
#include "source-window.h"
#include "token-writer.h"

/* Bytes of a file that one call goes through. */
#define WORK_MAX ((int64_t)256 * 1024)
/* Bytes that are looked at before literals and blocks are said. */
#define SCAN_MAX ((int64_t)32 * 1024)
/* Blocks that are compared at one place; rsync 3.5.0 takes 1024. */
#define CANDIDATES_MAX 64
/*
 * What is hashed and compared in vain, in bytes hashed: so much for each byte of the file, and so much in
 * advance. A client whose sums fit everywhere by their weak half alone gets literals when this is spent.
 */
#define CREDIT_BYTE 4
#define CREDIT_MAX ((int64_t)4 * 1024 * 1024)
/* What one candidate costs. */
#define CREDIT_CANDIDATE 64

struct sender {
  struct sender_options options;
  enum sender_state state;
  enum append append;
  struct block_table table;
  struct token_writer writer;
  struct source_window window;
  struct hash *hash;
  uint8_t sum[HASH_LENGTH_MAX];
  bool in_place;
  bool end_is_said;
  /* Of the file: bytes that are not sent, what has been said, and where the window of the search is. */
  int64_t skipped;
  int64_t said;
  int64_t at;
  /* The block after the last one that was found. */
  uint32_t next_block;
  /* The two halves of the weak sum at `at`, if it is known. */
  bool is_rolling;
  uint32_t first;
  uint32_t second;
  int64_t credit;
  struct sent_result result;
};

struct sender *sender_open(const struct sender_options *options, struct fault *fault) {
  struct sender *sender = budget_take(&budget_clients, 1, sizeof *sender);
  if (!sender) {
    fault_memory(fault, &budget_clients);
    return NULL;
  }
  sender->options = *options;
  size_t size = (sizeof *sender->hash + 63) / 64 * 64;
  sender->hash = aligned_alloc(64, size);
  if (!sender->hash) fault->kind = FAULT_MEMORY;
  if (sender->hash && token_writer_open(&sender->writer, options->compression, fault) == 0) {
    return sender;
  }
  sender_close(sender);
  return NULL;
}

void sender_close(struct sender *sender) {
  if (!sender) return;
  block_table_close(&sender->table);
  source_window_close(&sender->window);
  token_writer_close(&sender->writer);
  free(sender->hash);
  budget_free(&budget_clients, sender);
}

enum sender_state sender_state(const struct sender *sender) { return sender->state; }

int sender_begin_sums(struct sender *sender, const struct sum_head *head, enum append append,
                      struct fault *fault) {
  size_t length = hash_length(sender->options.kind);
  if ((size_t)head->strong_length > length) {
    return fault_token(fault, "the client's sum head has strong sums of %lld bytes, at most %zu",
                       (long long)head->strong_length, length);
  }
  if (block_table_open(&sender->table, head, append == APPEND_NOT, fault)) return -1;
  sender->append = append;
  sender->state = sender->table.left > 0 ? SENDER_SUMS : SENDER_READY;
  return 0;
}

size_t sender_feed(struct sender *sender, const uint8_t *bytes, size_t count) {
  size_t used = block_table_feed(&sender->table, bytes, count);
  if (sender->table.left == 0) sender->state = SENDER_READY;
  return used;
}

static void end_file(struct sender *sender) {
  block_table_close(&sender->table);
  source_window_close(&sender->window);
  sender->state = SENDER_IDLE;
}

void sender_drop(struct sender *sender) { end_file(sender); }

int sender_begin(struct sender *sender, const struct sent_file *file, struct fault *fault) {
  const struct sum_head *head = &sender->table.head;
  sender->state = SENDER_FAILED;
  size_t span = (size_t)head->block_length + LITERAL_MAX;
  if (source_window_open(&sender->window, file->fd, file->made, file->made_length, file->size, span,
                         fault)) {
    return -1;
  }
  bool appends = sender->append != APPEND_NOT;
  int64_t there = appends ? sum_head_span(head, 0, head->count) : 0;
  sender->skipped = there < file->size ? there : file->size;
  hash_begin(sender->hash, sender->options.kind);
  sender->window.hash = sender->hash;
  sender->window.hash_start = sender->append == APPEND_TAIL ? sender->skipped : 0;
  sender->in_place = file->in_place;
  sender->end_is_said = false;
  sender->said = sender->at = sender->window.start = sender->window.hash_start;
  sender->next_block = 0;
  sender->is_rolling = false;
  sender->credit = CREDIT_MAX;
  sender->result = (struct sent_result){0};
  token_writer_begin(&sender->writer);
  sender->state = SENDER_RUNNING;
  return 0;
}

static void strong_sum(const struct sender *sender, const uint8_t *block, size_t length,
                       uint8_t *sum) {
  const struct sender_options *options = &sender->options;
  bool is_behind = !options->seed_first && options->seed != 0 &&
                   (options->kind == HASH_MD5 || options->kind == HASH_SHA1);
  if (!is_behind) {
    hash_seeded(options->kind, block, length, options->seed, sum);
    return;
  }
  struct hash hash;
  uint8_t seed[4];
  for (int i = 0; i < 4; i++) seed[i] = (uint8_t)((uint32_t)options->seed >> 8 * i);
  hash_begin(&hash, options->kind);
  hash_update(&hash, block, length);
  hash_update(&hash, seed, sizeof seed);
  hash_finish(&hash, sum);
}

/* A place in the file where blocks are looked for. */
struct spot {
  const uint8_t *bytes;
  int64_t length;
  uint32_t weak;
  /* The strong sum is made when it is first needed. */
  bool has_strong;
  uint8_t strong[HASH_LENGTH_MAX];
};

static bool block_is_here(struct sender *sender, struct spot *spot, uint32_t block) {
  const struct block_table *table = &sender->table;
  if (block >= table->kept || table->weak[block] != spot->weak ||
      block_table_length(table, block) != spot->length) {
    return false;
  }
  // What lies before has been overwritten at the client.
  if (sender->in_place && block * table->head.block_length < sender->at) return false;
  if (!spot->has_strong) {
    if (sender->credit < spot->length) return false;
    strong_sum(sender, spot->bytes, (size_t)spot->length, spot->strong);
    sender->credit -= spot->length;
    spot->has_strong = true;
  }
  size_t length = (size_t)table->head.strong_length;
  return memcmp(spot->strong, block_table_strong(table, block), length) == 0;
}

/* The block that is at this spot: rather the one after the last, so that runs grow; BLOCK_NONE if there is none. */
static uint32_t find_block(struct sender *sender, struct spot *spot) {
  const struct block_table *table = &sender->table;
  uint32_t candidate = block_table_first(table, spot->weak);
  if (candidate == BLOCK_NONE) return BLOCK_NONE;
  uint32_t found = BLOCK_NONE;
  int64_t block_length = table->head.block_length;
  int64_t same = sender->at / block_length;
  if (sender->in_place && same < table->kept && sender->at % block_length == 0 &&
      block_is_here(sender, spot, (uint32_t)same)) {
    found = (uint32_t)same;
  } else if (block_is_here(sender, spot, sender->next_block)) {
    found = sender->next_block;
  }
  for (int i = 0; i < CANDIDATES_MAX && candidate != BLOCK_NONE && found == BLOCK_NONE; i++) {
    if (block_is_here(sender, spot, candidate)) found = candidate;
    candidate = table->next[candidate];
    if (i > 0) sender->credit -= CREDIT_CANDIDATE;
    if (sender->credit < 0) break;
  }
  // Only what was hashed in vain counts.
  if (found != BLOCK_NONE && spot->has_strong) sender->credit += spot->length;
  return found;
}

/* Says the literals up to `at`, and a block there if there is one. */
static void say(struct sender *sender, uint32_t block) {
  int64_t length = sender->at - sender->said;
  const uint8_t *literal = source_window_show(&sender->window, sender->said, sender->at);
  token_writer_say(&sender->writer, literal, (size_t)length, block);
  sender->result.literal += length;
  if (block != BLOCK_NONE) {
    int64_t matched = block_table_length(&sender->table, block);
    sender->result.matched += matched;
    sender->at += matched;
    sender->next_block = block + 1;
    sender->is_rolling = false;
  }
  sender->said = sender->at;
}

/* Moves the window of the search on until a block is found, or enough was looked at. */
static void scan(struct sender *sender) {
  const struct block_table *table = &sender->table;
  int64_t block_length = table->head.block_length;
  int64_t last = sender->window.size - block_length;
  int64_t stop = sender->said + LITERAL_MAX;
  if (stop > sender->at + SCAN_MAX) stop = sender->at + SCAN_MAX;
  if (stop > last + 1) stop = last + 1;
  int64_t end =
      stop + block_length < sender->window.size ? stop + block_length : sender->window.size;
  const uint8_t *bytes =
      source_window_show(&sender->window, sender->said, end) + (sender->at - sender->said);
  if (!sender->is_rolling) {
    uint32_t weak = weak_sum(bytes, (size_t)block_length);
    sender->first = weak & 0xffff;
    sender->second = weak >> 16;
    sender->is_rolling = true;
  }
  uint32_t first = sender->first, second = sender->second, found = BLOCK_NONE;
  const int64_t begun = sender->at;
  int64_t at = begun;
  for (; at < stop; at++, bytes++) {
    uint32_t weak = (first & 0xffff) | second << 16;
    if (block_table_first(table, weak) != BLOCK_NONE) {
      struct spot spot = {.bytes = bytes, .length = block_length, .weak = weak};
      sender->at = at;
      found = find_block(sender, &spot);
      if (found != BLOCK_NONE) break;
    }
    if (at < last) {
      uint32_t leaving = (uint32_t)(int32_t)(int8_t)bytes[0];
      uint32_t coming = (uint32_t)(int32_t)(int8_t)bytes[block_length];
      first += coming - leaving;
      second += first - (uint32_t)block_length * leaving;
    }
  }
  sender->first = first;
  sender->second = second;
  sender->credit += (at - begun) * CREDIT_BYTE;
  sender->at = at;
  if (sender->credit > CREDIT_MAX) sender->credit = CREDIT_MAX;
  if (found != BLOCK_NONE) say(sender, found);
}

/* The short block at the end of the basis can only be at the end of the file. */
static bool scan_tail(struct sender *sender) {
  const struct sum_head *head = &sender->table.head;
  int64_t size = sender->window.size;
  if (sender->at + head->remainder != size || head->remainder == 0) return false;
  const uint8_t *bytes =
      source_window_show(&sender->window, sender->said, size) + (sender->at - sender->said);
  struct spot spot = {
      .bytes = bytes, .length = head->remainder, .weak = weak_sum(bytes, (size_t)head->remainder)};
  uint32_t block = find_block(sender, &spot);
  if (block == BLOCK_NONE) return false;
  say(sender, block);
  return true;
}

static void say_end(struct sender *sender) {
  size_t length = hash_length(sender->options.kind);
  hash_finish(sender->hash, sender->sum);
  sender->result.saved_errno = sender->window.saved_errno;
  if (sender->result.saved_errno) {
    // A sum that can't be the right one (match.c match_sums).
    bool is_zero = true;
    for (size_t i = 0; i < length; i++) is_zero = is_zero && sender->sum[i] == 0;
    memset(sender->sum, 0, length);
    sender->sum[0] = is_zero;
  }
  token_writer_end(&sender->writer, sender->sum, length);
  sender->end_is_said = true;
}

/* Goes on by some bytes of the file, or by its end, when all that was said has been taken. */
static void go_on(struct sender *sender) {
  const struct block_table *table = &sender->table;
  int64_t size = sender->window.size;
  if (sender->at < sender->skipped) {
    int64_t next =
        sender->skipped - sender->at < LITERAL_MAX ? sender->skipped : sender->at + LITERAL_MAX;
    source_window_show(&sender->window, sender->at, next);
    sender->at = sender->said = next;
  } else if (sender->at - sender->said >= LITERAL_MAX) {
    say(sender, BLOCK_NONE);
  } else if (table->kept > 0 && sender->at + table->head.block_length <= size) {
    scan(sender);
  } else if (sender->at < size) {
    // No block fits here any more, but for the short one, if all of it is still to come.
    bool has_tail = table->kept == table->head.count && table->kept > 0;
    int64_t tail = has_tail ? size - table->head.remainder : size;
    if (sender->at == tail && scan_tail(sender)) return;
    int64_t next = sender->at < tail ? tail : size;
    sender->at = next - sender->said < LITERAL_MAX ? next : sender->said + LITERAL_MAX;
  } else if (sender->said < size) {
    say(sender, BLOCK_NONE);
  } else {
    say_end(sender);
  }
}

ssize_t sender_produce(struct sender *sender, uint8_t *bytes, size_t count, struct fault *fault) {
  size_t written = 0;
  int64_t start = sender->at;
  while (sender->state == SENDER_RUNNING) {
    ssize_t taken = token_writer_take(&sender->writer, bytes + written, count - written, fault);
    if (taken < 0) {
      sender->state = SENDER_FAILED;
      return -1;
    }
    written += (size_t)taken;
    if (written == count) break;
    if (sender->end_is_said) sender->state = SENDER_ENDED;
    else if (sender->at - start >= WORK_MAX) break;
    else go_on(sender);
  }
  return (ssize_t)written;
}

void sender_finish(struct sender *sender, struct sent_result *result) {
  *result = sender->result;
  end_file(sender);
}
