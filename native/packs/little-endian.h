/* Numbers as files of the x86 have them: little-endian, at any place. */
#ifndef LITTLE_ENDIAN_H
#define LITTLE_ENDIAN_H

#include <stdint.h>

static inline uint16_t read_u16(const uint8_t *bytes) {
  return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t read_u32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

static inline uint64_t read_u64(const uint8_t *bytes) {
  return read_u32(bytes) | (uint64_t)read_u32(bytes + 4) << 32;
}

static inline void write_u32(uint8_t *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

/* A 32-bit value with its sign, as what is added to an address of 64 bits. */
static inline uint64_t extend_u32(uint32_t value) { return (uint64_t)(int64_t)(int32_t)value; }

#endif
