/**
 * The laptop's disk between two runs: one file of this machine, loaded, saved whole or not at all, and
 * filled with copies of this machine's files. The machine's files are only read.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { files as machineFiles } from '../../native/files/files.node.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Fd, Files, Path } from '../../src/host.ts'
import { bytesOfText } from '../../src/text.ts'
import { copyTree } from './disk/copy.ts'
import { loadDisk, saveDisk } from './disk/image-file.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type DiskOptions, VirtualDisk } from './virtual-disk.ts'
import { virtualFiles } from './virtual-files.ts'

/** What every laptop has; the rest is the releases'. */
const FIRST_DIRECTORIES = ['etc', 'root', 'tmp']
const PIECE = 256 * 1024

export function openDisk(path: string, sizeBytes: number, clock: VirtualClock): VirtualDisk {
  const now: DiskOptions['now'] = () => {
    const seconds = clock.asHost.wallSeconds()
    const whole = Math.floor(seconds)
    return { seconds: whole, nanoseconds: Math.floor((seconds - whole) * 1e9) }
  }
  if (existsSync(path)) {
    const disk = loadDisk(new Uint8Array(readFileSync(path)), { now })
    clock.goOnFrom(disk.changedSeconds + 1)
    return disk
  }
  const disk = new VirtualDisk({ bytes: sizeBytes, now })
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  for (const name of FIRST_DIRECTORIES) files.makeDirectory(root, name, 0o755)
  files.close(root)
  return disk
}

export function keepDisk(disk: VirtualDisk, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, saveDisk(disk))
  renameSync(`${path}.new`, path)
}

/** The path below the root, which has no slash before it. */
export function belowRoot(path: string): Path {
  const names = bytesOfText(path)
    .split('/')
    .filter((name) => name !== '' && name !== '.')
  if (names.includes('..'))
    throw new ConfigError(`${path} has .. in it`, 'write the path from the root')
  return names.join('/') || '.'
}

/** Copies a file or a folder of this machine to the disk; refuses to replace anything. */
export function put(files: Files, source: string, target: string): void {
  const found = statSync(source, { throwIfNoEntry: false })
  if (!found) throw new ConfigError(`${source} is not on this machine`, 'check the name')
  const root = files.openRoot('/')
  try {
    const standing = files.stat(root, belowRoot(target))?.type === 'dir' && !found.isDirectory()
    const path = belowRoot(standing ? `${target}/${basename(source)}` : target)
    if (files.stat(root, path))
      throw new ConfigError(`${target} already exists`, 'name another path')
    makeParents(files, root, path)
    if (found.isDirectory()) putFolder(files, root, source, path)
    else putFile(files, root, source, path)
  } finally {
    files.close(root)
  }
}

function makeParents(files: Files, root: Fd, path: Path): void {
  const names = path.split('/').slice(0, -1)
  for (let count = 1; count <= names.length; count++) {
    const parent = names.slice(0, count).join('/')
    if (!files.stat(root, parent)) files.makeDirectory(root, parent, 0o755)
  }
}

function putFolder(files: Files, root: Fd, source: string, path: Path): void {
  files.makeDirectory(root, path, 0o755)
  const from = machineFiles.openRoot(bytesOfText(resolve(source)))
  const to = files.openDirectory(root, path)
  try {
    copyTree({ files: machineFiles, root: from }, { files, root: to })
  } finally {
    files.close(to)
    machineFiles.close(from)
  }
}

function putFile(files: Files, root: Fd, source: string, path: Path): void {
  const from = machineFiles.openFile(bytesOfText(resolve(source)))
  const to = files.createFile(root, path, machineFiles.statHandle(from).mode)
  const piece = new Uint8Array(PIECE)
  for (let count = 1; count > 0; ) {
    count = machineFiles.read(from, piece, 0, PIECE)
    files.write(to, piece, 0, count)
  }
  files.close(to)
  machineFiles.close(from)
}
