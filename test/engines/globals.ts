/** Node's globals that the tests of src/ use, for engines that have none of them. */

import * as clock from 'native:clock'
import * as system from 'native:system'
import { decodeBase64, encodeBase64 } from '../../src/release/base64.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, textOfBytes } from '../../src/text.ts'

type Encoding = 'utf8' | 'latin1' | 'hex' | 'base64'

class PlainBuffer extends Uint8Array {
  static fromText(text: string, encoding: Encoding = 'utf8'): PlainBuffer {
    if (encoding === 'hex') {
      const pairs = text.match(/[0-9a-fA-F]{2}/g) ?? []
      return new PlainBuffer(pairs.map((pair) => Number.parseInt(pair, 16)))
    }
    if (encoding === 'base64') return new PlainBuffer(decodeBase64(text) ?? [])
    return new PlainBuffer(arrayOfBytes(encoding === 'utf8' ? bytesOfText(text) : text))
  }

  writeUInt32LE(value: number, offset = 0): number {
    new DataView(this.buffer, this.byteOffset).setUint32(offset, value, true)
    return offset + 4
  }

  readUInt32LE(offset = 0): number {
    return new DataView(this.buffer, this.byteOffset).getUint32(offset, true)
  }

  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((byte, index) => byte === other[index])
  }

  override toString(encoding: Encoding = 'utf8', start = 0, end = this.length): string {
    const part = this.subarray(start, end)
    if (encoding === 'base64') return encodeBase64(part)
    if (encoding === 'hex') {
      return Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join('')
    }
    const bytes = bytesOfArray(part)
    if (encoding === 'latin1') return bytes
    const text = textOfBytes(bytes)
    if (text === undefined) throw new Error('bytes that are no UTF-8 are shown as a text')
    return text
  }
}

const face = {
  from: (value: string | ArrayLike<number>, encoding?: Encoding) =>
    typeof value === 'string' ? PlainBuffer.fromText(value, encoding) : PlainBuffer.from(value),
  alloc: (size: number, fill = 0) => new PlainBuffer(size).fill(fill),
  concat(parts: Uint8Array[]) {
    const whole = new PlainBuffer(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  },
}

const cancelled = new Set<number>()
let lastTimer = 0

function setTimeout(run: () => void, milliseconds: number): number {
  const timer = ++lastTimer
  void clock.sleep(milliseconds).then(() => {
    if (!cancelled.delete(timer)) run()
  })
  return timer
}

Object.assign(globalThis, {
  Buffer: face,
  performance: { now: clock.monotonicMs },
  process: { umask: system.setUmask },
  setTimeout,
  setImmediate: (run: () => void) => setTimeout(run, 0),
  clearTimeout: (timer: number) => void cancelled.add(timer),
})
