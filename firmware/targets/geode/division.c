/*
 * Division of 64-bit integers for 32-bit x86, under the names that gcc calls. libgcc's own hold
 * ENDBR32, which a Geode LX takes for an invalid instruction. Linked before libgcc into everything
 * for i586, so that nothing of libgcc is left to be asked for. Division by zero traps, as a
 * processor's does.
 */

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

/* What gcc calls has to be declared somewhere, and no header does. */
u64 __udivmoddi4(u64 dividend, u64 divisor, u64 *remainder);
u64 __udivdi3(u64 dividend, u64 divisor);
u64 __umoddi3(u64 dividend, u64 divisor);
i64 __divmoddi4(i64 dividend, i64 divisor, i64 *remainder);
i64 __divdi3(i64 dividend, i64 divisor);
i64 __moddi3(i64 dividend, i64 divisor);

/* The processor's own division; it traps where the quotient needs more than 32 bits. */
static inline u32 divide_wide(u32 high, u32 low, u32 divisor, u32 *remainder) {
  u32 quotient;
  __asm__("divl %4" : "=a"(quotient), "=d"(*remainder) : "0"(low), "1"(high), "rm"(divisor) : "cc");
  return quotient;
}

u64 __udivmoddi4(u64 dividend, u64 divisor, u64 *remainder) {
  u32 high = dividend >> 32, divisor_high = divisor >> 32;
  if (divisor_high == 0) {
    /* Schoolbook division by one digit of 32 bits. */
    u32 rest, upper = 0;
    if (high >= (u32)divisor) {
      upper = divide_wide(0, high, (u32)divisor, &high);
    }
    u32 lower = divide_wide(high, (u32)dividend, (u32)divisor, &rest);
    if (remainder) *remainder = rest;
    return (u64)upper << 32 | lower;
  }
  /*
   * The divisor has more than 32 bits, so the quotient has at most 32. Half of the dividend by the
   * divisor's leading 32 bits can't overflow, and scaled back it is the quotient or one more.
   */
  unsigned shift = (unsigned)__builtin_clz(divisor_high);
  u32 leading = (u32)((divisor << shift) >> 32), ignored;
  u64 half = dividend >> 1;
  u64 estimate = divide_wide((u32)(half >> 32), (u32)half, leading, &ignored);
  u64 quotient = (estimate << shift) >> 31;
  if (quotient > 0) quotient--;
  u64 rest = dividend - quotient * divisor;
  if (rest >= divisor) {
    quotient++;
    rest -= divisor;
  }
  if (remainder) *remainder = rest;
  return quotient;
}

u64 __udivdi3(u64 dividend, u64 divisor) { return __udivmoddi4(dividend, divisor, 0); }

u64 __umoddi3(u64 dividend, u64 divisor) {
  u64 remainder;
  __udivmoddi4(dividend, divisor, &remainder);
  return remainder;
}

/* Its absolute value; that of the least number fits an unsigned one only. */
static inline u64 magnitude(i64 value) { return value < 0 ? 0 - (u64)value : (u64)value; }

/* The quotient is rounded towards zero, and the remainder has the sign of the dividend. */
i64 __divmoddi4(i64 dividend, i64 divisor, i64 *remainder) {
  u64 rest;
  u64 quotient = __udivmoddi4(magnitude(dividend), magnitude(divisor), &rest);
  if (remainder) *remainder = (i64)(dividend < 0 ? 0 - rest : rest);
  return (i64)((dividend < 0) != (divisor < 0) ? 0 - quotient : quotient);
}

i64 __divdi3(i64 dividend, i64 divisor) { return __divmoddi4(dividend, divisor, 0); }

i64 __moddi3(i64 dividend, i64 divisor) {
  i64 remainder;
  __divmoddi4(dividend, divisor, &remainder);
  return remainder;
}
