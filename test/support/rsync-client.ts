/** What tests of the rsync client share: options, and fetches into a folder. */
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, Session, type SessionOptions } from '../../src/rsync/session.ts'
import type { FileOutcome, WantedFile } from '../../src/wanted-file.ts'
import { nodeHost } from './host.ts'
import { scratch } from './scratch.ts'

export const host = nodeHost()

export function optionsFor(
  port: number,
  selection: SessionOptions['selection'],
  more: Partial<Omit<SessionOptions, 'address'>> & { address?: Partial<Address> } = {},
): SessionOptions {
  return {
    selection,
    compression: 'none',
    connectTimeoutMs: 5000,
    timeoutMs: 10_000,
    ...more,
    address: { host: '127.0.0.1', port, module: 'xo', ...more.address },
  }
}

/** A wish for a file that goes to `folder`, with what became of it. */
export class Fetched {
  readonly path: string
  result: FileOutcome | undefined
  abandoned = false
  /** How often a target was asked for: 2 after a second try. */
  tries = 0
  #target: number | undefined
  #basis: number | undefined

  constructor(
    readonly name: string,
    readonly folder: string,
    readonly basisPath?: string,
  ) {
    this.path = join(folder, name.replaceAll('/', '_'))
  }

  wanted(sizeMax = 1e9): WantedFile {
    const { name, basisPath } = this
    const basis =
      basisPath !== undefined && existsSync(basisPath)
        ? { fd: this.#openBasis(basisPath), size: statSync(basisPath).size }
        : undefined
    return {
      name,
      sizeMax,
      basis,
      target: () => {
        this.tries++
        if (this.#target !== undefined) closeSync(this.#target)
        this.#target = openSync(this.path, 'w+')
        return this.#target
      },
      done: (result) => {
        if (this.result) throw new Error(`${this.name} was received twice`)
        this.result = result
        this.close()
      },
      abandoned: () => {
        if (this.result) throw new Error(`${this.name} was received and abandoned`)
        this.abandoned = true
        this.close()
      },
    }
  }

  content(): Buffer {
    return readFileSync(this.path)
  }

  outcome(): { name: string; result: FileOutcome | undefined; content: string } {
    return { name: this.name, result: this.result, content: this.content().toString('latin1') }
  }

  close(): void {
    for (const fd of [this.#target, this.#basis]) if (fd !== undefined) closeSync(fd)
    this.#target = undefined
    this.#basis = undefined
  }

  #openBasis(path: string): number {
    this.#basis = openSync(path, 'r')
    return this.#basis
  }
}

/** A whole session: lists, fetches the names, says goodbye. `bases` maps a name to a local file. */
export async function fetchAll(
  options: SessionOptions,
  names: string[],
  bases: Record<string, string> = {},
): Promise<{ session: Session; files: Fetched[] }> {
  const folder = scratch('fetched')
  const session = await Session.open(host, options)
  const files = names.map((name) => new Fetched(name, folder, bases[name]))
  function* wanted() {
    for (const file of files) yield file.wanted()
  }
  try {
    await session.fetch(wanted())
    await session.finish()
  } finally {
    session.close()
    for (const file of files) file.close()
  }
  return { session, files }
}
