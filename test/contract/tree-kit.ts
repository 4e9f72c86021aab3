/**
 * Trees and manifests for the trees suite: entries are described once, and become a tree, a manifest, or
 * both. Host-neutral.
 */
import type { LiveTree, Proof, ReconcileStep, Undone, VerifyStep } from 'native:trees'
import type { Fd, Path, Stat } from '../../src/host.ts'
import {
  comparePaths,
  type Entry,
  formatManifestLine,
  parseManifestLine,
} from '../../src/release/manifest-line.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { type Kit, NASTY_NAMES } from './kit.ts'

type Seed = Partial<Omit<Entry, 'digest' | 'size'>> & { path: Path; content?: string }

/** An entry of a tree with the content of a regular file. */
export interface Planted extends Entry {
  content: string
}

interface Tree {
  root: Fd
  entries: Planted[]
}

export class TreeKit {
  constructor(readonly kit: Kit) {}

  /** Regular unless the seed says otherwise; sorted as a manifest is. */
  entries(seeds: Seed[]): Planted[] {
    const { uid, gid } = this.kit.stat(this.kit.root, '.')
    const own = { uid, gid, modified: { seconds: 1_700_000_000, nanoseconds: 123_456_789 } }
    const none = { link: '', major: 0, minor: 0, links: 1, hardLinkTo: undefined, xattrs: [] }
    const entries = seeds.map((seed): Planted => {
      const type = seed.type ?? 'file'
      const content = type === 'file' ? (seed.content ?? `content of ${seed.path}`) : ''
      const digest = type === 'file' ? this.digest(content) : ''
      const mode = { dir: 0o755, link: 0o777 }[type as string] ?? 0o644
      return { mode, ...own, ...none, ...seed, type, content, digest, size: content.length }
    })
    return entries.sort((a, b) => comparePaths(a.path, b.path))
  }

  digest(content: string): string {
    return hex(this.kit.host.checksums.hash('sha256', arrayOfBytes(content)))
  }

  /** Makes everything below a new directory. */
  plant(entries: Planted[]): Tree {
    const root = this.kit.fresh()
    for (const entry of entries) if (entry.path !== '.') this.make(root, entry)
    for (const { path, ...metadata } of [...entries].reverse()) {
      this.kit.host.files.setMetadata(root, path, metadata)
    }
    return { root, entries }
  }

  make(root: Fd, { path, type, link, content, hardLinkTo, major, minor }: Planted): void {
    const { files } = this.kit.host
    if (type === 'dir') files.makeDirectory(root, path, 0o755)
    else if (type === 'link') files.makeLink(link, root, path)
    else if (type !== 'file') files.makeNode(root, path, type, major, minor)
    else if (hardLinkTo !== undefined) files.hardLink(root, hardLinkTo, root, path)
    else this.kit.put(root, path, content)
  }

  /** Replaces what is there by a regular file with the metadata of its entry. */
  replace(root: Fd, entry: Planted, content = entry.content): void {
    const { files } = this.kit.host
    files.removeTree(root, entry.path)
    this.make(root, { ...entry, content, hardLinkTo: undefined })
    files.setMetadata(root, entry.path, entry)
  }

  manifest(entries: Entry[]): Fd {
    return this.text(
      `#mtree v2.0\n${entries.map((each) => `${formatManifestLine(each)}\n`).join('')}`,
    )
  }

  /** A file with this text, opened for reading. */
  text(text: string): Fd {
    const directory = this.kit.fresh()
    this.kit.put(directory, 'manifest', text)
    return this.kit.host.files.openRead(directory, 'manifest')
  }

  live({ root, entries }: Tree): LiveTree {
    return { manifest: this.manifest(entries), root }
  }

  /** Runs a whole reconcile, a few entries at a time. */
  reconcile(
    entries: Entry[],
    tree: Fd | undefined,
    live?: LiveTree,
    options: { dryRun?: boolean; unseen?: boolean; proof?: Proof } = {},
  ): Omit<ReconcileStep, 'done'> {
    const { trees } = this.kit.host
    const trial = { manifest: this.manifest(entries), tree, live, dryRun: false }
    const job = trees.openReconcile({ ...trial, ...options })
    const undone: Undone[] = []
    let before = 0
    for (;;) {
      const step = trees.reconcile(job, 7)
      undone.push(...step.undone)
      if (step.entries > before + 7) throw new Error(`${step.entries - before} entries in a step`)
      before = step.entries
      if (!step.done) continue
      trees.closeReconcile(job)
      const { done, ...sum } = step
      return { ...sum, undone }
    }
  }

  verify(
    entries: Entry[],
    tree: Fd,
    live?: LiveTree,
    options: { full?: boolean; proof?: Proof | undefined } = {},
  ): VerifyStep {
    const { trees } = this.kit.host
    const whole = { manifest: this.manifest(entries), tree, live, full: false }
    const job = trees.openVerify({ ...whole, ...options })
    const failures: VerifyStep['failures'] = []
    for (;;) {
      const step = trees.verify(job, 5)
      failures.push(...step.failures)
      if (!step.done) continue
      trees.closeVerify(job)
      return { ...step, failures }
    }
  }

  /** Everything in a tree, except the number of names, which links from outside change. */
  snapshot(root: Fd, directory = '.'): [Path, Omit<Stat, 'links'>, string][] {
    const { files } = this.kit.host
    return files.readDirectory(root, directory).flatMap((name) => {
      const path = directory === '.' ? name : `${directory}/${name}`
      const { links, ...stat } = this.kit.stat(root, path)
      const below = stat.type === 'dir' ? this.snapshot(root, path) : []
      const readable = stat.type === 'file' && (this.kit.isRoot || (stat.mode & 0o400) !== 0)
      const content = readable ? this.kit.get(root, path) : ''
      return [[path, stat, content] as [Path, Omit<Stat, 'links'>, string], ...below]
    })
  }

  /** A tree with everything that code likes to break on. */
  nasty(): Planted[] {
    const { kit } = this
    const group = { links: 3, content: 'three names', mode: 0o4755 }
    const seeds: Seed[] = [
      { path: '.', type: 'dir' },
      // In the manifest's order, a directory and what is below it are not neighbours.
      { path: 'a', type: 'dir', mode: 0o700 },
      { path: 'a-b' },
      { path: 'a/x' },
      { path: 'a.c' },
      { path: 'bin', type: 'link', link: 'usr/bin' },
      { path: 'dangling', type: 'link', link: NASTY_NAMES.join('/').slice(0, 1000) },
      { path: 'empty', content: '' },
      { path: 'fifo', type: 'fifo', mode: 0o600 },
      { path: 'hard-1', ...group },
      { path: 'names', type: 'dir', mode: 0o1777 },
      { path: 'names/hard-2', ...group, hardLinkTo: 'hard-1' },
      { path: 'same', content: 'twice' },
      { path: 'same-again', content: 'twice' },
      { path: 'secret', mode: 0o000 },
      { path: 'set-uid', mode: 0o6755 },
      { path: 'socket', type: 'socket' },
      { path: 'old', modified: { seconds: -5, nanoseconds: 1 } },
      { path: 'z-hard-3', ...group, hardLinkTo: 'hard-1' },
    ]
    for (const name of NASTY_NAMES) seeds.push({ path: `names/${name}` })
    if (kit.isRoot) {
      seeds.push({ path: 'null', type: 'char', major: 1, minor: 3 })
      seeds.push({ path: 'disk', type: 'block', major: 259, minor: 70_000, uid: 5 })
      seeds.push({ path: 'owned', uid: 4_000_000_000, gid: 7 })
    }
    const xattrs = kit.someXattrs(kit.fresh())
    seeds.push({ path: 'with-xattrs', xattrs })
    if (kit.isRoot) {
      const trusted = xattrs.filter(({ name }) => name.startsWith('trusted'))
      seeds.push({ path: 'xattr-link', type: 'link', link: 'x', xattrs: trusted })
    }
    return this.entries(seeds)
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** An entry of the list by its path, to be changed. */
export function find(entries: Planted[], path: Path): Planted {
  const found = entries.find((entry) => entry.path === path)
  if (!found) throw new Error(`no entry ${path}`)
  return found
}

/** The list with one entry changed, or added if none has its path. */
export function changed(entries: Planted[], ...changes: Planted[]): Planted[] {
  const paths = changes.map(({ path }) => path)
  const rest = entries.filter(({ path }) => !paths.includes(path))
  return [...rest, ...changes].sort((a, b) => comparePaths(a.path, b.path))
}

/** `path reason`, sorted, of what a reconcile left. */
export function reasons(undone: Undone[]): string[] {
  return undone.map(({ line, reason }) => `${parseManifestLine(line).path} ${reason}`)
}
