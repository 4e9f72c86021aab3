/**
 * From what a client asks for to the list of it: paths and wildcards, with and without `-R`, names of
 * `--files-from`, each looked up in the view, filtered, and added with its parents or its content. What is
 * missing is told in rsync's words. It must never list what the view does not offer.
 */
import type { AddedAs, SentList } from 'native:sending'
import type { Host, Path } from '../host.ts'
import { WILDCARD_MATCHES_MAX } from '../limits.ts'
import type { Asked } from './asked.ts'
import type { Filters } from './filters.ts'
import { clamped, type DiskPlace, type Lookup, type Offered, parentOf } from './offering.ts'
import { RsyncRefusal } from './refusal.ts'
import { hasWildcards, MatchingWork, Wildcards } from './wildcards.ts'

/** Names that are listed between two turns of the event loop. */
const NAMES_A_STEP = 500
const TYPE_FOLDER = 0o040000
const TYPE_FILE = 0o100000

interface ListMaking {
  modules: Pick<Host, 'files' | 'sending' | 'checksums'>
  list: SentList
  lookup: Lookup
  asked: Asked
  /** Of the list, if it has one of each file. */
  checksum: Parameters<Host['checksums']['hash']>[0]
  filters: Filters
  /** What could not be listed, in rsync's words; `fails`: the client then deletes nothing. */
  complain(of: { call: string; name: Path; why: string; fails: boolean }): void
  /** What is no fault. */
  mention(words: string): void
  turn(): Promise<void>
}

type Content = AddedAs['content']

/** An argument, or a name of `--files-from`. */
interface Argument {
  /** The folder of the module that is the root of the list. */
  base: Path
  /** Below it. */
  name: Path
  /** It ended in a slash: what is meant is its content. */
  open: boolean
  /** Its parents are listed, too; and `.`, if it began with a dot. */
  implied: boolean
  dot: boolean
}

export class ListMaker {
  /** The root of each place of the list, by its number. */
  readonly #bases: Path[] = []
  /** What was made, by its key. */
  readonly #made: Offered[] = []
  /** Parents that are listed already. */
  readonly #parents = new Set<Path>()
  readonly #work = new MatchingWork()

  constructor(readonly making: ListMaking) {}

  /** Path arguments, as they came. */
  async addPaths(module: Path, paths: readonly Path[]): Promise<void> {
    for (const path of paths) {
      for (const one of this.#expanded(pathsOf(module, path, this.making.asked.secluded))) {
        await this.#add(this.#argument('', one))
      }
    }
  }

  /** A name of `--files-from`, below the path that was given with it. */
  async addName(under: Path, name: Path): Promise<void> {
    await this.#add(this.#argument(under, name))
  }

  /** What is offered under a name of the list, by what the list says of where it is. */
  offered(
    name: Path,
    place: { number: number } | undefined,
    key: number | undefined,
  ): Offered | undefined {
    if (!place) return this.#made[key ?? -1]
    const base = this.#bases[place.number]
    return base === undefined ? undefined : this.making.lookup.find(joined(base, name))
  }

  #argument(under: Path, text: Path): Argument {
    const { relative = this.making.asked.filesFrom } = this.making.asked
    const open = /(^|\/)\.{0,2}$/.test(text)
    if (relative) {
      const cut = text.indexOf('/./')
      const above = cut < 0 ? under : `${under}/${text.slice(0, cut)}`
      const rest = cut < 0 ? text : text.slice(cut + 3)
      const dot = /^\.\//.test(rest)
      return { base: clamped(above), name: clamped(rest), open, implied: true, dot }
    }
    const whole = clamped(`${under}/${text}`)
    const base = open ? whole : (parentOf(whole) ?? '.')
    return { base, name: below(base, whole), open, implied: false, dot: false }
  }

  async #add(argument: Argument): Promise<void> {
    const { lookup, asked, filters } = this.making
    const { base, name, open } = argument
    const offered = lookup.find(joined(base, name))
    const isFolder = offered?.stat.type === 'dir'
    if (!offered || (open && !isFolder)) {
      this.#missing(joined(base, name), offered !== undefined)
      return
    }
    if (isFolder && !asked.recursive && !this.#listsFolders) {
      this.making.mention(`skipping directory ${name}`)
      return
    }
    if (filters.excludes(name, isFolder)) return
    if (argument.implied && !this.#addParents(argument)) return
    const content = asked.recursive ? 'tree' : open ? 'names' : 'none'
    // A folder at the top without content would be taken for a parent that only leads to others.
    this.#put(base, offered, { top: content !== 'none', content })
    await this.#walk(base)
  }

  get #listsFolders(): boolean {
    const { folders, filesFrom } = this.making.asked
    return folders || filesFrom
  }

  /** False: one of them is left out, and so is all below it. */
  #addParents({ base, name, dot }: Argument): boolean {
    const parents: Path[] = []
    for (let at = parentOf(name); at !== undefined && at !== '.'; at = parentOf(at)) {
      parents.unshift(at)
    }
    if (parents.some((parent) => this.making.filters.excludes(parent, true))) return false
    if (dot) parents.unshift('.')
    for (const parent of parents) {
      const key = `${base}\0${parent}`
      if (this.#parents.has(key)) continue
      const offered = this.making.lookup.find(joined(base, parent))
      if (!offered) return false
      this.#parents.add(key)
      this.#put(base, offered, { top: true, content: 'none' })
    }
    return true
  }

  /** Adds an entry; the content of a folder of the disk follows in the walk. */
  #put(base: Path, offered: Offered, as: AddedAs): void {
    const { modules, list, lookup, checksum } = this.making
    const { sending, checksums } = modules
    const { name, stat, content } = offered
    const listed = below(base, name)
    if (offered.disk) {
      const place = sending.addPlace(list, placeBelow(lookup.placeOf(name), base))
      this.#bases[place] = base
      sending.addEntry(list, place, listed, as)
      return
    }
    const isFolder = stat.type === 'dir'
    const sum = content && this.making.asked.checksums && checksums.hash(checksum, content)
    sending.addMade(
      list,
      listed,
      {
        mode: stat.mode | (isFolder ? TYPE_FOLDER : TYPE_FILE),
        size: stat.size,
        modifiedSeconds: stat.modified.seconds,
        key: this.#made.push(offered) - 1,
        ...(sum && { checksum: sum }),
      },
      as,
    )
    if (isFolder && as.content !== 'none') this.#putBelow(base, offered, as.content)
  }

  #putBelow(base: Path, folder: Offered, content: Content): void {
    const { lookup, filters } = this.making
    for (const name of lookup.below(folder)) {
      const offered = lookup.find(name)
      if (!offered || filters.excludes(below(base, name), offered.stat.type === 'dir')) continue
      this.#put(base, offered, { top: false, content: content === 'tree' ? 'tree' : 'none' })
    }
  }

  async #walk(base: Path): Promise<void> {
    const { modules, list, lookup, filters, complain } = this.making
    const { withheld } = lookup.view
    const keep = (name: Path, mode: number) =>
      !filters.excludes(name, (mode & 0o170000) === TYPE_FOLDER) &&
      (withheld === undefined || lookup.find(joined(base, name)) !== undefined)
    const asks = !filters.isEmpty || withheld !== undefined
    for (;;) {
      const { done, refused } = modules.sending.walkList(
        list,
        NAMES_A_STEP,
        asks ? keep : undefined,
      )
      for (const { name, call, code } of refused) {
        // Gone since its folder was read: as if it had never been there.
        if (code !== 'ENOENT') complain({ call, name: joined(base, name), why: code, fails: true })
      }
      if (done) return
      await this.making.turn()
    }
  }

  #missing(name: Path, isFile: boolean): void {
    if (this.making.asked.ignoresMissing) return
    const why = isFile ? 'Not a directory (20)' : 'No such file or directory (2)'
    this.making.complain({ call: 'link_stat', name: name === '.' ? '' : name, why, fails: false })
  }

  /** Wildcards, name by name, among what is offered. What matches nothing stays as it is. */
  #expanded(paths: readonly Path[]): Path[] {
    return paths.flatMap((path) => {
      if (!hasWildcards(path)) return [path]
      const tail = path.endsWith('/') ? '/' : ''
      const names = path.split('/').filter((name) => name !== '')
      let found: Path[] = ['']
      for (const name of names) found = found.flatMap((above) => this.#matching(above, name))
      return found.length === 0 ? [path] : found.map((one) => one + tail)
    })
  }

  #matching(above: Path, pattern: Path): Path[] {
    const prefix = above === '' ? '' : `${above}/`
    const { lookup } = this.making
    if (!hasWildcards(pattern)) {
      const name = prefix + pattern.replace(/\\([\s\S])/g, '$1')
      return lookup.find(clamped(name)) ? [name] : []
    }
    const folder = lookup.find(clamped(above))
    if (folder?.stat.type !== 'dir') return []
    const wildcards = new Wildcards(pattern, this.#work)
    const names = lookup.below(folder).map((name) => name.slice(name.lastIndexOf('/') + 1))
    const matches = names.filter((name) => wildcards.matches(name))
    if (matches.length > WILDCARD_MATCHES_MAX) {
      throw new RsyncRefusal(`a pattern matches more than ${WILDCARD_MATCHES_MAX} names`, 4)
    }
    return matches.map((name) => prefix + name).filter((name) => lookup.find(clamped(name)))
  }
}

/** Old clients send several paths in one argument, each with the module's name. */
function pathsOf(module: Path, argument: Path, whole: boolean): Path[] {
  const prefix = `${module}/`
  const paths = whole ? [argument] : argument.split(` ${prefix}`)
  return paths.map((path) => (path.startsWith(prefix) ? path.slice(prefix.length) : path))
}

function joined(base: Path, name: Path): Path {
  if (name === '.') return base
  return base === '.' ? name : `${base}/${name}`
}

/** What a name of the module is called below a folder of it. */
function below(base: Path, name: Path): Path {
  if (name === base) return '.'
  return base === '.' ? name : name.slice(base.length + 1)
}

/** A place of the view, as it stands in a list whose root is `base`. */
function placeBelow({ at, directory, path }: DiskPlace, base: Path): DiskPlace {
  if (at === base || at === '.' || base.startsWith(`${at}/`)) {
    return { directory, path: joined(path, below(at, base)), at: '.' }
  }
  return { directory, path, at: below(base, at) }
}
