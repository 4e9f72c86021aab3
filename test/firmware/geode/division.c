/*
 * Compares our 64-bit division for the Geode (firmware/targets/geode/division.c, its names changed to
 * own_…) with the compiler's, over all pairs of corner values and many of random length. Ends with 1
 * at the first difference.
 */
#include <stdint.h>
#include <stdio.h>

uint64_t own_udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder);
uint64_t own_udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t own_umoddi3(uint64_t dividend, uint64_t divisor);
int64_t own_divmoddi4(int64_t dividend, int64_t divisor, int64_t *remainder);
int64_t own_divdi3(int64_t dividend, int64_t divisor);
int64_t own_moddi3(int64_t dividend, int64_t divisor);

#define RANDOM_PAIRS 500000

static uint64_t random_bits(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* A number of 1 to 64 bits. */
static uint64_t random_number(void) {
  uint64_t bits = random_bits();
  return bits >> (random_bits() & 63);
}

static int signed_agree(int64_t a, int64_t b) {
  int64_t rest;
  /* The one quotient that has no place; ours gives what a subtraction from zero gives. */
  if (a == INT64_MIN && b == -1) return own_divmoddi4(a, b, &rest) == INT64_MIN && rest == 0;
  return own_divmoddi4(a, b, &rest) == a / b && rest == a % b && own_divdi3(a, b) == a / b &&
         own_moddi3(a, b) == a % b;
}

static void compare(uint64_t a, uint64_t b) {
  uint64_t rest;
  if (b == 0) return;
  if (own_udivmoddi4(a, b, &rest) == a / b && rest == a % b && own_udivdi3(a, b) == a / b &&
      own_umoddi3(a, b) == a % b && own_udivmoddi4(a, b, 0) == a / b &&
      signed_agree((int64_t)a, (int64_t)b)) {
    return;
  }
  printf("%016llx / %016llx differs\n", (unsigned long long)a, (unsigned long long)b);
  fflush(stdout);
  __builtin_trap();
}

int main(void) {
  static uint64_t corners[64 * 7];
  int count = 0;
  for (int bit = 0; bit < 64; bit++) {
    for (int near = -2; near <= 2; near++) {
      corners[count++] = (UINT64_C(1) << bit) + (uint64_t)(int64_t)near;
    }
    corners[count++] = UINT64_MAX >> bit;
    corners[count++] = UINT64_MAX << bit;
  }
  for (int i = 0; i < count; i++)
    for (int j = 0; j < count; j++) compare(corners[i], corners[j]);
  for (int i = 0; i < RANDOM_PAIRS; i++) {
    uint64_t a = random_number(), b = random_number(), product = random_number() * b;
    compare(a, b);
    /* Just below, at and above a multiple, where an estimate goes wrong first. */
    compare(product - 1, b);
    compare(product, b);
    compare(product + 1, b);
  }
  printf("all agree\n");
  return 0;
}
