/**
 * One short text for all that is on a disk or below a directory, equal whenever a program would see
 * the same. Not for trust: it only tells states apart.
 */
import type { Content, Inode, InodeTable } from './inodes.ts'

/** Contents don't change once a table is frozen, and are shared between many. */
const contents = new WeakMap<Content, string>()

/**
 * Times of what lies less than `timesFrom` levels below the start don't count: those of the store's own
 * directories say only when, and would make every state look new.
 */
export function digestOf(table: InodeTable, start: number, timesFrom = 0): string {
  table.freeze()
  const numbers = new Map<number, number>()
  const words: (string | number)[] = []
  const visit = (inode: Inode, name: string, depth: number): void => {
    const seen = numbers.get(inode.number)
    words.push(depth, name)
    if (seen !== undefined) {
      words.push('again', seen)
      return
    }
    numbers.set(inode.number, numbers.size)
    const { type, mode, uid, gid, seconds, nanoseconds, major, minor, text } = inode
    words.push(type, mode, uid, gid, major, minor, text)
    if (depth >= timesFrom) words.push(seconds, nanoseconds)
    for (const { name: key, value } of inode.xattrs) words.push(key, value.join(' '))
    if (inode.content) words.push(digestOfContent(inode.content))
    for (const [below, number] of sorted(inode.entries)) {
      const found = table.get(number)
      if (found) visit(found, below, depth + 1)
    }
  }
  const inode = table.get(start)
  if (inode) visit(inode, '', 0)
  return hashOfText(words.join('\0'))
}

function sorted(entries: Map<string, number> | undefined): [string, number][] {
  return [...(entries ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
}

function digestOfContent(content: Content): string {
  const known = contents.get(content)
  if (known !== undefined) return known
  let one = 0x811c9dc5
  let other = 0x1b873593
  for (let at = 0; at < content.size; at++) {
    const byte = content.bytes[at] as number
    one = Math.imul(one ^ byte, 0x01000193)
    other = Math.imul(other ^ byte, 0x85ebca6b) + at
  }
  const found = `${content.size} ${one >>> 0} ${other >>> 0}`
  contents.set(content, found)
  return found
}

function hashOfText(text: string): string {
  let one = 0xdeadbeef
  let other = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    one = Math.imul(one ^ unit, 2654435761)
    other = Math.imul(other ^ unit, 1597334677)
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909)
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909)
  return (other >>> 0).toString(16).padStart(8, '0') + (one >>> 0).toString(16).padStart(8, '0')
}
