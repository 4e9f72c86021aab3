/** The entries of a manifest that ask most of a disk: the Node side of samples.c. */
import type { Fd, Files, Path } from '../../src/host.ts'
import type { Entry } from '../../src/release/manifest-line.ts'
import { textOfBytes } from '../../src/text.ts'
import { KERNEL_LABELS } from './compare.node.ts'
import { ManifestLines } from './manifest-lines.node.ts'

const NAMESPACES = ['user', 'trusted', 'security']

/** What other systems forbid in a name. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a name may have them.
const SIGNS = /[\x01-\x1f\x7f\\:*?"<>|]|[. ]$/

const nameOf = (path: Path) => path.slice(path.lastIndexOf('/') + 1)

function* asksOfName(name: Path): Generator<string> {
  if (SIGNS.test(name)) yield 'signs'
  if (/[\x80-\xff]/.test(name)) yield 'utf-8'
  if (textOfBytes(name) === undefined) yield 'bytes'
}

function* asksOf({ path, type, uid, gid, mode, xattrs }: Entry): Generator<string> {
  if (path !== '.') yield* asksOfName(nameOf(path))
  if (type !== 'file' && type !== 'dir') yield type
  if (uid !== 0 || gid !== 0) yield 'owner'
  if (type === 'file' && (mode & 0o6000) !== 0) yield 'set-id'
  for (const { name } of xattrs) {
    const namespace = name.slice(0, name.indexOf('.'))
    if (KERNEL_LABELS.includes(name)) yield 'label'
    else yield NAMESPACES.includes(namespace) ? namespace : 'system'
  }
}

export function samples(files: Files, manifest: Fd): string[] {
  const lines: string[] = []
  const seen = new Set<string>()
  const largest: { bytes: number; line?: string } = { bytes: 0 }
  const longest: { length: number; line?: string } = { length: 0 }
  const mostNames: { names: number; line?: string } = { names: 1 }
  for (const { line, entry } of new ManifestLines(files, manifest)) {
    const bytes = entry.xattrs.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
    if (bytes > largest.bytes) Object.assign(largest, { bytes, line })
    if (entry.type === 'file' && entry.links > mostNames.names) {
      Object.assign(mostNames, { names: entry.links, line })
    }
    const { length } = entry.path === '.' ? '' : nameOf(entry.path)
    if (length > longest.length) Object.assign(longest, { length, line })
    const asks = [...asksOf(entry)].filter((ask) => !seen.has(ask))
    for (const ask of asks) seen.add(ask)
    if (asks.length > 0) lines.push(line)
  }
  return [...lines, ...[largest, mostNames, longest].flatMap(({ line }) => line ?? [])]
}
