/**
 * Inputs for decoders: any bytes, and valid ones that were altered a little, which get further. What is
 * valid comes from the tests of each decoder; how it is altered is here.
 */
import fc from 'fast-check'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'

export const bytes = (maxLength: number) => fc.uint8Array({ maxLength, size: 'max' })

export const byteString = (maxLength: number) => bytes(maxLength).map(bytesOfArray)

/** Text of a small alphabet, in which the marks of a format come often; and of any characters. */
export const textOf = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength, size: 'max' })

export const anyText = (maxLength: number) => fc.string({ unit: 'binary', maxLength, size: 'max' })

/** As decoders make them: with the prototype that every object has. */
export const record = <Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record(model, { noNullPrototype: true })

/** What breaks counts and lengths (as text). */
const NUMBERS = [
  ...['0', '-1', '00', '1e9', '0x10', '255', '256', '65535', '65536', '2147483647', '2147483648'],
  ...['4294967295', '4294967296', '9007199254740991', '9007199254740992', '18446744073709551615'],
  ...['99999999999999999999', '1.5', 'NaN', ' 1', '1 ', '+1'],
]

export interface Change {
  kind: (typeof KINDS)[number]
  /** Where, and the other place or the length, as parts of the whole. */
  at: number
  to: number
  byte: number
  inserted: Uint8Array
  number: string
}

const KINDS = [
  ...(['flip', 'set', 'insert', 'cut', 'repeat', 'truncate', 'swap', 'number'] as const),
  ...(['cut-line', 'repeat-line', 'swap-lines', 'splice'] as const),
]

/** A place in something, as a part of the whole. */
export const place = fc.noBias(fc.nat(999_999)).map((number) => number / 1e6)

export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(...KINDS),
  at: place,
  to: place,
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 13, 32, 61, 127, 128, 255)),
  inserted: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  number: fc.constantFrom(...NUMBERS),
})

/** The values, one in four of them as it is, the others with up to four changes. */
export function altered(values: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(change, { minLength: 1, maxLength: 4 }) },
  )
  return fc.tuple(values, changes, values).map(([value, list, other]) => {
    return list.reduce((result, one) => changed(result, one, other), value)
  })
}

/** The same of texts that are byte strings. */
export const alteredText = (values: fc.Arbitrary<string>) =>
  altered(values.map(arrayOfBytes)).map(bytesOfArray)

export function changed(value: Uint8Array, one: Change, other: Uint8Array): Uint8Array {
  const { length } = value
  const at = Math.floor(one.at * length)
  const to = Math.floor(one.to * length)
  const [from, end] = [Math.min(at, to), Math.min(Math.max(at, to) + 1, length)]
  switch (one.kind) {
    case 'flip':
      return withByte(value, at, (value[at] ?? 0) ^ (1 << (one.byte & 7)))
    case 'set':
      return withByte(value, at, one.byte)
    case 'insert':
      return joined(value.subarray(0, at), one.inserted, value.subarray(at))
    case 'cut':
      return joined(value.subarray(0, from), value.subarray(end))
    case 'repeat':
      return joined(value.subarray(0, end), value.subarray(from))
    case 'truncate':
      return value.slice(0, at)
    case 'swap':
      return joined(value.subarray(end), value.subarray(from, end), value.subarray(0, from))
    case 'splice':
      return joined(value.subarray(0, at), other.subarray(Math.floor(one.to * other.length)))
    case 'number':
      return arrayOfBytes(withNumber(bytesOfArray(value), one))
    default:
      return arrayOfBytes(withLines(bytesOfArray(value), one))
  }
}

function withByte(value: Uint8Array, at: number, byte: number): Uint8Array {
  const result = value.slice()
  if (at < result.length) result[at] = byte
  return result
}

/** One of its numbers becomes another. */
function withNumber(text: string, { at, number }: Change): string {
  const found = [...text.matchAll(/[0-9]+/g)]
  const one = found[Math.floor(at * found.length)]
  if (!one) return text + number
  return text.slice(0, one.index) + number + text.slice(one.index + one[0].length)
}

function withLines(text: string, { kind, at, to }: Change): string {
  const lines = text.split('\n')
  const [one, other] = [Math.floor(at * lines.length), Math.floor(to * lines.length)]
  if (kind === 'cut-line') lines.splice(one, 1)
  else if (kind === 'repeat-line') lines.splice(other, 0, lines[one] ?? '')
  else {
    const [first = '', second = ''] = [lines[one], lines[other]]
    if (one < lines.length) lines[one] = second
    if (other < lines.length) lines[other] = first
  }
  return lines.join('\n')
}

export function joined(...pieces: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Where something long is cut: lengths of pieces, used in turn. */
export const cuts = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })), {
  minLength: 1,
  maxLength: 8,
})

export function piecesOf(value: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < value.length; ) {
    const length = lengths[pieces.length % lengths.length] ?? 1
    pieces.push(value.slice(at, at + length))
    at += length
  }
  return pieces
}
