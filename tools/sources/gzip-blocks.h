/*
 * Compiled before zlib's deflate.c: ends a block also where GNU gzip does (its trees.c, ct_tally), so that a .gz made by
 * `gzip -9` can be made again byte by byte. What comes out is deflate as ever.
 */
#ifndef GZIP_BLOCKS_H
#define GZIP_BLOCKS_H

#include "deflate.h"

#ifdef LIT_MEM
#error "the number of symbols would have to be counted differently"
#endif

/* From one code to the next but one, distances take a bit more (RFC 1951, 3.2.5). */
static unsigned long extra_distance_bits(int code) {
  return code < 2 ? 0 : (unsigned long)code / 2 - 1;
}

/* The block is small so far for what is in it, and literals prevail: other trees may suit what follows better. */
static int gzip_ends_block(const deflate_state *state) {
  unsigned long symbols = state->sym_next / 3, bits = symbols * 8;
  if ((symbols & 0xfff) != 0 || state->matches >= symbols / 2) return 0;
  for (int code = 0; code < D_CODES; code++) {
    bits += state->dyn_dtree[code].Freq * (5 + extra_distance_bits(code));
  }
  unsigned long length = (unsigned long)((long)state->strstart - state->block_start);
  return bits / 8 < length / 2;
}

static int gzip_tally(deflate_state *state, unsigned distance, unsigned length) {
  int full = _tr_tally(state, distance, length);
  return full || gzip_ends_block(state);
}

#undef _tr_tally_lit
#undef _tr_tally_dist
#define _tr_tally_lit(state, byte, flush) flush = gzip_tally(state, 0, byte)
#define _tr_tally_dist(state, distance, length, flush) flush = gzip_tally(state, distance, length)

#endif
