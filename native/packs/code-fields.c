/* Fields of code; see code-fields.h. Opcodes as in the Intel manual's maps (volume 2, appendix A). */
#include "code-fields.h"

#include <string.h>

static bool among(const uint8_t *opcodes, size_t count, uint8_t opcode) {
  return memchr(opcodes, opcode, count) != NULL;
}

#define AMONG(opcodes, opcode) among(opcodes, sizeof(opcodes), opcode)

/* 00 to 3F are arithmetic in rows of eight, of which the first four have a ModRM. */
static bool arithmetic(uint8_t opcode) { return (opcode & 7) < 4; }

/* After ModRM and displacement come an immediate of this many bytes; -1: the opcode has no ModRM, or is rare. */
static int immediate_of(uint8_t opcode, uint8_t modrm) {
  static const uint8_t without[] = {
      0x63, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x8f, 0xd0, 0xd1, 0xd2, 0xd3,
      0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xfe, 0xff,
      // The forms of VEX, whose 0F is in the prefix.
      0x54, 0x57, 0x58, 0x59, 0x5c, 0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xef};
  static const uint8_t byte[] = {0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6};
  static const uint8_t word[] = {0x69, 0x81, 0xc7};
  if (opcode < 0x40) return arithmetic(opcode) ? 0 : -1;
  if (AMONG(without, opcode)) return 0;
  if (AMONG(byte, opcode)) return 1;
  if (AMONG(word, opcode)) return 4;
  // Of the group of F6 and F7 only TEST has an immediate.
  bool test = (modrm >> 3 & 7) < 2;
  if (opcode == 0xf6) return test ? 1 : 0;
  if (opcode == 0xf7) return test ? 4 : 0;
  return -1;
}

/* The same behind 0F. */
static int immediate_of_two(uint8_t opcode) {
  static const uint8_t byte[] = {0x70, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6};
  return AMONG(byte, opcode) ? 1 : 0;
}

/* A call or jump of one byte, and a conditional jump behind 0F. */
static bool is_branch(uint8_t byte) { return (byte & 0xfe) == 0xe8; }
static bool is_condition(uint8_t byte) { return (byte & 0xf0) == 0x80; }

/* ModRM of mod 00 and r/m 101: [rip + displacement]. */
static bool is_rip_relative(uint8_t modrm) { return (modrm & 0xc7) == 0x05; }

/* ModRM of mod 10, a displacement of 32 bits; r/m 100 would be a SIB byte. */
static bool is_displaced(uint8_t modrm) { return (modrm & 0xc0) == 0x80 && (modrm & 7) != 4; }

void field_signs(bool operands, bool got, bool signs[256]) {
  for (int i = 0; i < 256; i++) {
    uint8_t byte = (uint8_t)i;
    signs[i] = is_branch(byte) || is_condition(byte) || (operands && is_rip_relative(byte)) ||
               (got && is_displaced(byte));
  }
}

int relative_field(const uint8_t *field, uint64_t before, bool operands) {
  if (before < 1) return -1;
  uint8_t last = field[-1];
  if (is_branch(last)) return 0;
  if (before < 2) return -1;
  uint8_t opcode = field[-2];
  if (opcode == 0x0f && is_condition(last)) return 0;
  if (!operands || !is_rip_relative(last)) return -1;
  if (before >= 3 && field[-3] == 0x0f && opcode != 0x0f) return immediate_of_two(opcode);
  return immediate_of(opcode, last);
}

bool got_field(const uint8_t *field, uint64_t before) {
  static const uint8_t usual[] = {0x80, 0x81, 0x83, 0x84, 0x85, 0x88, 0x89, 0x8a,
                                  0x8b, 0x8d, 0xc6, 0xc7, 0xd8, 0xd9, 0xda, 0xdb,
                                  0xdc, 0xdd, 0xde, 0xdf, 0xf6, 0xf7, 0xff};
  if (before < 2) return false;
  uint8_t modrm = field[-1], opcode = field[-2];
  if (!is_displaced(modrm)) return false;
  if (before >= 3 && field[-3] == 0x0f) return true;
  if (opcode < 0x40) return arithmetic(opcode);
  return AMONG(usual, opcode);
}
