/**
 * Whether a tree can start at all: its init, the interpreter that the kernel loads for it, and the
 * libraries that they need must be there as the manifest says. It reads only those few files, which the
 * start would read anyway. It never writes.
 */
import { isOfMachine, isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { type Entry, parseManifestLine } from '../release/manifest-line.ts'
import { show } from '../text.ts'
import { readElf } from './elf.ts'
import type { OpenTree } from './store.ts'

type StartCheckHost = Pick<Host, 'files' | 'trees' | 'checksums'>

/** Why a tree can't be started. */
export interface StartFault {
  /**
   * `damaged`: it is not as its manifest says. `untrusted`: its statement or its manifest is not a
   * signed one. `unfit`: it is as published, and holds no system that could start.
   */
  kind: 'damaged' | 'untrusted' | 'unfit'
  text: string
}

/** Where the kernel looks for an init. */
export const INITS: readonly Path[] = ['/sbin/init', '/etc/init', '/bin/init', '/bin/sh']

/** As many as the kernel follows. */
const LINKS_MAX = 40
/** An init with all its libraries has a dozen. */
const FILES_MAX = 64
/** The first line of a script, as far as the kernel reads it (bytes). */
const SCRIPT_LINE_MAX = 256
/** Where libraries are, besides the folder of the dynamic linker itself. */
const LIBRARY_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64']

/**
 * Undefined if all that a start needs is there. The tree's manifest must have been proved. Trees
 * share most of their inodes: what is in `proved` is not read again, and what is read is put there. It
 * may be kept as long as nothing is made in a tree.
 */
export function findFault(
  host: StartCheckHost,
  tree: OpenTree,
  inits: readonly Path[],
  proved: Set<string>,
): StartFault | undefined {
  return new StartCheck(host, tree, proved).run(inits)
}

interface NeededFile {
  entry: Entry
  /** The dynamic linker of the program that needs it. */
  interpreter: Path | undefined
}

class StartCheck {
  readonly #wanted: NeededFile[] = []
  readonly #known = new Set<Path>()
  #fault: StartFault | undefined

  constructor(
    readonly host: StartCheckHost,
    readonly tree: OpenTree,
    /** Inodes with the digests that they have. */
    readonly proved: Set<string>,
  ) {}

  run(inits: readonly Path[]): StartFault | undefined {
    const found = inits.some((path) => this.#want(path, undefined))
    if (!found && !this.#fault) {
      return { kind: 'unfit', text: `it has no ${inits.map(show).join(', no ')}` }
    }
    // The list grows while we go through it.
    for (const [at, { entry, interpreter }] of this.#wanted.entries()) {
      if (this.#fault || at === FILES_MAX) break
      this.#fault = this.#check(entry, interpreter)
    }
    return this.#fault
  }

  /** Puts a file on the list; false if the manifest has none of that name. */
  #want(path: Path, interpreter: Path | undefined): boolean {
    const entry = this.#resolve(path)
    if (!entry) return false
    if (!this.#known.has(entry.path)) this.#wanted.push({ entry, interpreter })
    this.#known.add(entry.path)
    return true
  }

  /** The regular file that a path of the running system leads to, by the manifest. */
  #resolve(path: Path): Entry | undefined {
    let rest = path.split('/')
    let at: Path[] = []
    let links = 0
    while (rest.length > 0) {
      const name = rest.shift() as string
      if (name === '' || name === '.') continue
      if (name === '..') {
        at.pop()
        continue
      }
      const line = this.host.trees.findLine(this.tree.manifest, [...at, name].join('/'))
      const entry = line === undefined ? undefined : parseManifestLine(line)
      if (entry?.type === 'link') {
        if (++links > LINKS_MAX) return undefined
        this.#checkLink(entry)
        if (entry.link.startsWith('/')) at = []
        rest = [...entry.link.split('/'), ...rest]
      } else if (entry?.type === 'file' && rest.length === 0) {
        return entry
      } else if (entry?.type === 'dir') {
        at.push(name)
      } else {
        return undefined
      }
    }
    return undefined
  }

  #checkLink(entry: Entry): void {
    const { files } = this.host
    const stat = files.stat(this.tree.root, entry.path)
    if (stat?.type === 'link' && files.readLink(this.tree.root, entry.path) === entry.link) return
    this.#fault ??= damage(entry.path, stat ? 'is not the link that it should be' : 'is missing')
  }

  #check(entry: Entry, interpreter: Path | undefined): StartFault | undefined {
    const { files, checksums } = this.host
    try {
      const stat = files.stat(this.tree.root, entry.path)
      if (stat?.type !== 'file') return damage(entry.path, 'is missing')
      if (stat.size !== entry.size) return damage(entry.path, 'has another size')
      if ((entry.mode & 0o111) !== 0 && (stat.mode & 0o111) === 0) {
        return damage(entry.path, 'is not executable')
      }
      const fd = files.openRead(this.tree.root, entry.path)
      try {
        const proof = `${stat.identity} ${entry.digest}`
        const { digest } = this.proved.has(proof) ? entry : checksums.digestFile(fd, entry.size)
        if (digest !== entry.digest) return damage(entry.path, 'has another content')
        this.proved.add(proof)
        return this.#follow(entry, interpreter, (position, length) => {
          const bytes = new Uint8Array(length)
          return bytes.subarray(0, files.read(fd, bytes, 0, length, position))
        })
      } finally {
        files.close(fd)
      }
    } catch (error) {
      if (!isSystemError(error) || isOfMachine(error)) throw error
      return damage(entry.path, `can't be read (${error.code})`)
    }
  }

  /** What a good file itself needs. */
  #follow(
    entry: Entry,
    interpreter: Path | undefined,
    read: (position: number, length: number) => Uint8Array,
  ): StartFault | undefined {
    const first = String.fromCharCode(...read(0, SCRIPT_LINE_MAX))
    const program = /^#![ \t]*([^ \t\n\0]+)/.exec(first)?.[1]
    const needs = readElf(read)
    const linker = program ?? needs?.interpreter ?? interpreter
    const next = program ?? needs?.interpreter
    if (next !== undefined && !this.#want(next, undefined)) {
      return { kind: 'unfit', text: `${show(entry.path)} needs ${show(next)}, which it lacks` }
    }
    if (!needs || linker === undefined) return undefined
    const own = `/${entry.path.slice(0, Math.max(entry.path.lastIndexOf('/'), 0))}`
    const folders = needs.folders.map((folder) => folder.replace(/\$\{?ORIGIN\}?/g, own))
    const linked = this.#resolve(linker)?.path ?? ''
    const beside = `/${linked.slice(0, Math.max(linked.lastIndexOf('/'), 0))}`
    for (const library of needs.libraries) {
      // One that only the dynamic linker's own tables lead to is left to the start.
      const places = [...folders, beside, ...LIBRARY_FOLDERS]
      if (library.includes('/')) this.#want(library, linker)
      else places.some((folder) => this.#want(`${folder}/${library}`, linker))
    }
    return undefined
  }
}

function damage(path: Path, what: string): StartFault {
  return { kind: 'damaged', text: `${show(path)} ${what}` }
}
