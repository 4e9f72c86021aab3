/** Small file systems of their own for tests that need a full or a read-only disk. Need root. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scratch } from './scratch.ts'
import { skip } from './suite.ts'

const mounted: string[] = []

function unmountAll(): void {
  for (const path of mounted.splice(0).reverse()) spawnSync('umount', ['-l', path])
}

// This must happen before the scratch folders are removed, whose listener was added first.
process.prependListener('exit', unmountAll)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(1))
}

export function mountTmpfs(sizeBytes: number): string {
  const path = join(scratch('disk'), 'disk')
  mkdirSync(path)
  mount(['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755`, 'tmpfs', path])
  mounted.push(path)
  return path
}

/** A file system of a given kind, in an image mounted by loop. */
export function mountImage(sizeBytes: number, maker: string, ...words: string[]): string {
  const place = scratch('image')
  const image = join(place, 'image')
  writeFileSync(image, '')
  truncateSync(image, sizeBytes)
  const made = spawnSync(maker, [...words, image], { encoding: 'utf8' })
  if (made.error) skip(`${maker} is missing on this machine`)
  if (made.status !== 0) throw new Error(`${maker}: ${made.stderr}`)
  const path = join(place, 'disk')
  mkdirSync(path)
  mount(['-o', 'loop', image, path])
  mounted.push(path)
  return path
}

/** Takes a disk of `mountImage` away while its image is changed, and mounts it again. */
export function withImage(
  disk: string,
  change: (image: string) => void,
  words: string[] = [],
): void {
  const image = join(dirname(disk), 'image')
  const { status, stderr } = spawnSync('umount', [disk], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`umount ${disk}: ${stderr}`)
  change(image)
  mount(['-o', ['loop', ...words].join(), image, disk])
}

/** Over a folder or a file that stands, with what `mount` is to be told besides. */
export function mountOver(path: string, words: string[]): void {
  mount([...words, path])
  mounted.push(path)
}

export function remount(path: string, how: 'ro' | 'rw'): void {
  mount(['-o', `remount,${how}`, path])
}

function mount(words: string[]): void {
  const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' })
  if (/permission denied|must be superuser|loop device|unknown filesystem/.test(stderr)) {
    skip('this machine allows no mounts: they need root and CAP_SYS_ADMIN')
  }
  if (status !== 0) throw new Error(`mount ${words.join(' ')}: ${stderr}`)
}
