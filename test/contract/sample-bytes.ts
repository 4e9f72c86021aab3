/** Bytes for the contract suites: from hex, from nothing but a number, and a text with its compressed forms. */
import { arrayOfBytes } from '../../src/text.ts'

export function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/\s/g, '')
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function join(...parts: ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * The same numbers for the same seed, on every host: 0 <= n < below. A generator of our own, since the
 * suites contain what other programs made of its bytes.
 */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const next = randomNumbers(seed)
  return new Uint8Array(length).map(() => next(256))
}

let lines = ''
for (let i = 0; i < 60; i++) lines += `line ${(i * i) % 97} of a text that compresses well\n`
export const text = arrayOfBytes(lines)

/** The text as the zstd program writes it (1.5.4) at level 3. */
export const textZstd = fromHex(`
  28b52ffd601b08ad060082871617902779a036723454f92b21eaffe5922219593ee6248603b78cbfb2e29eb7ec97
  995b85afe4353bdc55cb2578afbbe4a315d11f396faa67afbde4cba365f155514a23c8b4317d30100e001d4370e8
  24fa9041818308756150023c207033133d34e3c0cf07b0f2284919f8b784af7c8098123ee7c33ef273c7c344a5f0
  c11e0c1fecf9040fe6078b7d98a7f9344fe3693ccdd3789aa7f9344ffb47587fae077dd8477a6e0ff6601eecc13e
  d883bd074778d8f53f327980077dd83d4df12378b007f360f1602a1e8cf3410fe311f1d7e98a4f`)
/** The text as raw deflate by zlib, level 6, to its end. */
export const textDeflate = fromHex(`
  add4c90dc2301005d03b55b804b2784939113202c910442c41f9880a7807ee5ff3e72f33ed7aafe118b6735843af
  ef1efa65ede1b4dd1ecfbaef750fafdadaa17d5103a166422dc698083646824d366db6dd92092de6da64428d73ce
  04cba3919a00d3996cda82899a6d19fb6dbb45235db06d782f787cb89b9146f3ad58f216e968dd2d461a4de868c9
  17fc0c78f266c860d38ad52d612bcddec97c1bb021d65dab783177b3459a711afe2384fd55021a82f65a56183cd6
  084b8915ff7d301f`)
