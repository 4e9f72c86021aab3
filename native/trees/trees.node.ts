/**
 * The Node side of native:trees, which the power-cut proof runs on, as the emulator and the debugger do:
 * written plainly over native:files, so that it runs over a virtual disk, where the proof cuts the power
 * after any change. What the C side does fast is said here as clearly as can be.
 */
import type { DiskTimes } from '../../src/disk-times.ts'
import { isDamage, isSystemError } from '../../src/errors.ts'
import type { Checksums, Fd, Files, Path, Stat, Trees } from '../../src/host.ts'
import { systemErrorOf } from '../system-error.node.ts'
import { Comparison, differences, look, lookSpare, metadataOf } from './compare.node.ts'
import { Companion, ManifestLines } from './manifest-lines.node.ts'
import { Proof } from './proof.node.ts'
import { Reconcile, type ReconcileOptions } from './reconcile.node.ts'
import { samples } from './samples.node.ts'
import { Verify, type VerifyOptions } from './verify.node.ts'

/** More places of the same content would be no use. */
const LINES_OF_DIGEST_MAX = 16

export function makeTrees(files: Files, checksums: Checksums): Trees {
  return {
    openReconcile: (options) => new Reconcile(files, options as ReconcileOptions),
    reconcile: (job, entriesMax) => (job as Reconcile).step(entriesMax),
    closeReconcile: () => {},
    extras: (manifest, tree, options) => extras(files, manifest, tree, options),
    finishDirectories: (manifest, tree, times, proof) =>
      finishDirectories(files, manifest, tree, times, proof as Proof | undefined),
    openProof: (tree, times) => new Proof(files, tree, times),
    settle: (proof, { number, line }, _fd, directory, name) =>
      (proof as Proof).settle(number, line, directory, name),
    closeProof: () => {},
    openVerify: (options) => new Verify(files, checksums, options as VerifyOptions),
    verify: (job, entriesMax) => (job as Verify).step(entriesMax),
    closeVerify: () => {},
    openDigests: (manifest, options = {}) => digests(files, manifest, options),
    findDigest: (index, digest) => (index as Map<string, string[]>).get(digest) ?? [],
    closeDigests: () => {},
    findLine: (manifest, path) => findLine(files, manifest, path),
    samples: (manifest) => samples(files, manifest),
    openComparison: (options) => new Comparison(files, options),
    isUnchanged: (comparison, path) => (comparison as Comparison).isUnchanged(path),
    closeComparison: () => {},
  }
}

/** Of all extra paths that are told (units). */
const PATHS_LENGTH_MAX = 1024 * 1024

function extras(
  files: Files,
  manifest: Fd,
  tree: Fd,
  { remove, pathsMax }: { remove: boolean; pathsMax: number },
): Path[] {
  const known = new Set<Path>()
  for (const { entry } of new ManifestLines(files, manifest)) known.add(entry.path)
  const found: Path[] = []
  const device = deviceOf(files.statHandle(tree))
  const walk = (directory: Path): void => {
    const names = namesIn(files, tree, directory, remove)
    if (names === undefined) {
      // What is in it, nobody can tell.
      found.push(directory)
      return
    }
    for (const name of names) {
      const path = directory === '.' ? name : `${directory}/${name}`
      const stat = lookSpare(files, tree, path)
      if (!known.has(path)) found.push(path)
      else if (stat?.type === 'dir' && deviceOf(stat) === device) walk(path)
    }
  }
  walk('.')
  if (remove) for (const path of found) files.removeTree(tree, path)
  let left = PATHS_LENGTH_MAX
  const isRoom = (path: Path) => {
    const room = left > 0
    left -= path.length
    return room
  }
  return found.sort().slice(0, pathsMax).filter(isRoom)
}

/** What went away in between is no extra. */
function namesIn(files: Files, tree: Fd, directory: Path, remove: boolean): Path[] | undefined {
  try {
    return files.readDirectory(tree, directory)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    if (!remove && isDamage(error)) return undefined
    throw error
  }
}

const deviceOf = ({ identity }: Stat) => identity.slice(0, identity.indexOf(':'))

/** From the inside out, since a mode may bar the way to what is below. */
function finishDirectories(
  files: Files,
  manifest: Fd,
  tree: Fd,
  times: DiskTimes | undefined,
  proof: Proof | undefined,
): void {
  const directories = Array.from(new ManifestLines(files, manifest), ({ entry }, index) => ({
    entry,
    number: index + 1,
  }))
    .filter(({ entry }) => entry.type === 'dir')
    .reverse()
  for (const { entry } of directories) {
    const { path } = entry
    const type = look(files, tree, path)?.type
    if (type === undefined) throw systemErrorOf('stat', path, 'ENOENT')
    if (type !== 'dir') throw systemErrorOf('stat', path, 'ENOTDIR')
  }
  for (const { entry, number } of directories) {
    files.setMetadata(tree, entry.path, metadataOf(entry))
    const stat = look(files, tree, entry.path)
    if (stat && differences(files, tree, entry, stat, times).length === 0) proof?.add(number, stat)
  }
}

function digests(
  files: Files,
  manifest: Fd,
  { without, wantedBy, repeated }: { without?: Fd; wantedBy?: Fd; repeated?: boolean },
): Map<string, string[]> {
  const index = new Map<string, string[]>()
  const lacking = without === undefined ? undefined : new Companion(files, without)
  const wanted =
    wantedBy === undefined ? undefined : digests(files, wantedBy, { without: manifest })
  for (const { line, entry } of new ManifestLines(files, manifest)) {
    if (lacking?.at(entry.path) === line || entry.type !== 'file') continue
    if (entry.hardLinkTo !== undefined || wanted?.has(entry.digest) === false) continue
    const lines = index.get(entry.digest) ?? []
    if (lines.length < LINES_OF_DIGEST_MAX) lines.push(line)
    index.set(entry.digest, lines)
  }
  if (repeated) for (const [digest, { length }] of index) if (length < 2) index.delete(digest)
  return index
}

function findLine(files: Files, manifest: Fd, path: Path): string | undefined {
  return new Companion(files, manifest).at(path)
}
