/**
 * Manifests as files: reads and writes them line by line with bounded memory. For what TypeScript
 * has to walk itself (publishing, foreign manifests); `native:trees` does the merges of an upgrade.
 */
import { TrustError } from '../errors.ts'
import type { Fd, Files, Path } from '../host.ts'
import { MANIFEST_LINE_MAX } from '../limits.ts'
import { arrayOfBytes, bytesOfArray, show } from '../text.ts'
import { comparePaths, type Entry, formatManifestLine, parseManifestLine } from './manifest-line.ts'

const SIGNATURE_LINE = '#mtree v2.0'

/** One read and one write: large enough that calls do not count, small enough for any laptop (bytes). */
const CHUNK_SIZE = 64 * 1024

export class ManifestReader {
  readonly #files: Files
  readonly #fd: Fd
  readonly #sorted: boolean
  readonly #buffer = new Uint8Array(CHUNK_SIZE)
  #position = 0
  #lines: string[] = []
  #next = 0
  /** The start of a line that the last chunk did not finish. */
  #rest = ''
  #ended = false
  #last: Path | undefined
  /** The number of the line returned last, from 1. */
  lineNumber = 0

  /** `sorted: false` takes manifests of other tools, whose order is their own. The caller keeps the handle. */
  constructor(files: Files, fd: Fd, options: { sorted: boolean } = { sorted: true }) {
    this.#files = files
    this.#fd = fd
    this.#sorted = options.sorted
  }

  /** The next line of an entry, without newline; undefined at the end. */
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

  /** The next entry; undefined at the end. Throws a TrustError that names the line. */
  next(): Entry | undefined {
    const line = this.nextLine()
    if (line === undefined) return undefined
    const entry = this.#parse(line)
    if (this.#sorted) {
      const last = this.#last
      if (last === undefined ? entry.path !== '.' : comparePaths(last, entry.path) >= 0) {
        const before = last === undefined ? 'the start' : `"${show(last)}"`
        this.#refuse(`"${show(entry.path)}" is out of order after ${before}`)
      }
      this.#last = entry.path
    }
    return entry
  }

  #parse(line: string): Entry {
    try {
      return parseManifestLine(line)
    } catch (error) {
      if (error instanceof TrustError) return this.#refuse(error.message)
      throw error
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
