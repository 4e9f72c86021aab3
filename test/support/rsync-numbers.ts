/** The numbers of rsync's wire as a peer writes them, from the protocol's description alone. */

/** rsync io.c write_varlong; a varint is one of at least one byte. */
export function varlong(value: number | bigint, lengthMin: number, bits = 64): number[] {
  // Not BigInt.asUintN: QuickJS 2025-04-26 hands a negative number back as it is for 64 bits.
  let rest = BigInt(value) + (value < 0 ? 1n << BigInt(bits) : 0n)
  const bytes: number[] = []
  while (rest > 0n || bytes.length < lengthMin) {
    bytes.push(Number(rest & 0xffn))
    rest >>= 8n
  }
  const extra = bytes.length - lengthMin
  const ones = (count: number) => (0xff00 >> count) & 0xff
  const top = bytes.at(-1) as number
  if (top < 1 << (7 - extra)) return [ones(extra) | top, ...bytes.slice(0, -1)]
  return [ones(extra + 1), ...bytes]
}

export const varint = (value: number) => varlong(value, 1, 32)
