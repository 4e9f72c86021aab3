/**
 * Manifests as files: reads and writes them line by line with bounded memory. For what TypeScript
 * has to walk itself (publishing, foreign manifests); `native:trees` does the merges of an upgrade.
 */
import { TrustError } from '../errors.ts'
import type { Fd, Files } from '../host.ts'
import { MANIFEST_LINE_MAX } from '../limits.ts'
import { arrayOfBytes, bytesOfArray } from '../text.ts'
import { type Entry, formatManifestLine } from './manifest-line.ts'

const SIGNATURE_LINE = '#mtree v2.0'

/** One read and one write: large enough that calls do not count, small enough for any laptop (bytes). */
const CHUNK_SIZE = 64 * 1024

export class ManifestReader {
  readonly #files: Files
  readonly #fd: Fd
  readonly #buffer = new Uint8Array(CHUNK_SIZE)
  #position = 0
  #lines: string[] = []
  #next = 0
  /** The start of a line that the last chunk did not finish. */
  #rest = ''
  #ended = false
  /** The number of the line returned last, from 1. */
  lineNumber = 0

  /** The caller keeps the handle. */
  constructor(files: Files, fd: Fd) {
    this.#files = files
    this.#fd = fd
  }

  /** The next line of an entry, without newline; undefined at the end. Its order is for the caller to check. */
  nextLine(): string | undefined {
    for (;;) {
      while (this.#next < this.#lines.length) {
        const line = this.#lines[this.#next++] as string
        this.lineNumber++
        if (line !== '' && !line.startsWith('#')) return line
      }
      if (this.#ended) return undefined
      this.#fill()
    }
  }

  #refuse(what: string): never {
    throw new TrustError(`line ${this.lineNumber} of the manifest: ${what}`)
  }

  #fill(): void {
    const length = this.#files.read(this.#fd, this.#buffer, 0, CHUNK_SIZE, this.#position)
    this.#position += length
    const lines = (this.#rest + bytesOfArray(this.#buffer.subarray(0, length))).split('\n')
    if (length > 0) {
      this.#rest = lines.pop() as string
      if (this.#rest.length > MANIFEST_LINE_MAX) this.#refuseLength()
    } else {
      this.#ended = true
      // The power failed, or the transfer ended: a line without its newline is not whole.
      if (this.#rest !== '') {
        this.lineNumber++
        this.#refuse('the last line has no newline')
      }
      lines.length = 0
    }
    for (const line of lines) if (line.length > MANIFEST_LINE_MAX) this.#refuseLength()
    this.#lines = lines
    this.#next = 0
  }

  #refuseLength(): never {
    throw new TrustError(
      `the manifest has a line of more than ${MANIFEST_LINE_MAX} bytes after line ${this.lineNumber}`,
    )
  }
}

export class ManifestWriter {
  readonly #files: Files
  readonly #fd: Fd
  #text = `${SIGNATURE_LINE}\n`
  /** Bytes written and still held. */
  size = this.#text.length
  entries = 0

  /** Begins a manifest in an empty file. The caller keeps the handle. */
  constructor(files: Files, fd: Fd) {
    this.#files = files
    this.#fd = fd
  }

  /** Entries come in the manifest's order. Returns the line. */
  write(entry: Entry): string {
    const line = formatManifestLine(entry)
    this.#text += `${line}\n`
    this.size += line.length + 1
    this.entries++
    if (this.#text.length >= CHUNK_SIZE) this.flush()
    return line
  }

  flush(): void {
    const bytes = arrayOfBytes(this.#text)
    this.#files.write(this.#fd, bytes, 0, bytes.length)
    this.#text = ''
  }
}
