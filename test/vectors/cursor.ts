/** Reads rsync's numbers and strings off one whole buffer, which must have them. */
import { readVarint, readVarlong, readVstring } from '../../src/rsync/integers.ts'

export class Cursor {
  at = 0
  constructor(readonly bytes: Buffer) {}

  get rest(): number {
    return this.bytes.length - this.at
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at)
    if (end < 0) throw new Error('a line without end')
    const text = this.bytes.toString('latin1', this.at, end)
    this.at = end + 1
    return text
  }

  take(length: number): Buffer {
    if (length > this.rest) throw new Error(`${length} bytes wanted, ${this.rest} there`)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  text = (length: number) => this.take(length).toString('latin1')
  byte = () => this.take(1)[0] as number
  short = () => this.take(2).readUInt16LE()
  int = () => this.take(4).readInt32LE()
  varint = () => this.#read(readVarint(this.bytes, this.at, this.bytes.length))
  varlong = (minimum: number) =>
    this.#read(readVarlong(this.bytes, this.at, this.bytes.length, minimum))

  vstring(): string {
    const read = readVstring(this.bytes, this.at, this.bytes.length)
    if (!read) throw new Error('a string without end')
    this.at = read.next
    return read.value
  }

  #read(read: { value: number; next: number } | undefined): number {
    if (!read) throw new Error('a number without end')
    this.at = read.next
    return read.value
  }
}
