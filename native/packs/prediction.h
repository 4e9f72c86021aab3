/* What is predicted: blocks of a file, in pieces; and how. */
#ifndef PREDICTION_H
#define PREDICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* A stretch of the content that lies in the base, too, more or less. */
struct block {
  uint32_t new_place, old_place, length;
};

enum prediction { PREDICT_NOTHING, PREDICT_ELF, PREDICT_MODULE };

/* A block, or the next PIECE_SIZE bytes of one. */
struct piece {
  uint32_t new_place, old_place, length;
  /* The base's bytes from old_place on; before them are `context` more: PIECE_CONTEXT, or all that the base has. */
  const uint8_t *old;
  size_t context;
  /* Where the prediction goes: `length` bytes. */
  uint8_t *predicted;
  /* What the piece really is: the coder gives its bytes, the decoder their fixes; the other one is NULL. */
  const uint8_t *known;
  const uint8_t *fixes;
};

#endif
