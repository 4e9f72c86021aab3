/** The little of Node's world that engine-neutral tests use, for engines that have none of it. */

import * as clock from 'native:clock'

type Encoding = 'utf8' | 'latin1' | 'hex'

class PlainBuffer extends Uint8Array {
  static fromText(text: string, encoding: Encoding = 'utf8'): PlainBuffer {
    if (encoding === 'hex') {
      const pairs = text.match(/[0-9a-fA-F]{2}/g) ?? []
      return new PlainBuffer(pairs.map((pair) => Number.parseInt(pair, 16)))
    }
    const bytes = encoding === 'utf8' ? unescape(encodeURIComponent(text)) : text
    const buffer = new PlainBuffer(bytes.length)
    for (let i = 0; i < bytes.length; i++) buffer[i] = bytes.charCodeAt(i)
    return buffer
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
    const units = Array.from(this.subarray(start, end))
    if (encoding === 'hex') return units.map((byte) => byte.toString(16).padStart(2, '0')).join('')
    const bytes = units.map((byte) => String.fromCharCode(byte)).join('')
    return encoding === 'utf8' ? decodeURIComponent(escape(bytes)) : bytes
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
  setTimeout,
  clearTimeout: (timer: number) => void cancelled.add(timer),
})
