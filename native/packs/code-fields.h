/*
 * Where code of the x86 has 32-bit fields that lead to an address, told from the two or three bytes before
 * them: no disassembler, but right nearly always, and the same for both sides.
 */
#ifndef CODE_FIELDS_H
#define CODE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a field relative to the instruction's end may begin at `field`, which has `before` bytes of the segment
 * before it (3 are enough): the bytes between the field and that end (0, 1 or 4), or -1. `operands`: x86-64, where
 * data has such fields, too.
 */
int relative_field(const uint8_t *field, uint64_t before, bool operands);

/* i386: whether it may be a displacement off a register, which mostly holds the GOT's address. */
bool got_field(const uint8_t *field, uint64_t before);

/* Which bytes may stand right before a field at all: most places are passed over by that alone. */
void field_signs(bool operands, bool got, bool signs[256]);

#endif
