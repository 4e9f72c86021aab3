/**
 * Packs large files in the memory and by the threads that it is told: `host-publisher memory.js SCRATCH MEMORY WORKERS`.
 * Whoever starts it limits what it may have.
 */
import * as host from '../../../native/modules.ts'
import { randomBytes } from '../sample-bytes.ts'

const FILES = 4
const SIZE = 4 * 1024 * 1024

const { files, packCoder, processes } = host
const [scratch = '', memoryMax = '', workers = ''] = processes.argv.slice(-3)
const root = files.openRoot(scratch)
const content = randomBytes(SIZE, 1)
const wishes = Array.from({ length: FILES }, (_, line) => {
  const path = `f${line}`
  const fd = files.createFile(root, path, 0o644)
  files.write(fd, content, 0, SIZE)
  files.close(fd)
  const base = { line, path, size: SIZE, isNew: false }
  return { line, path, size: SIZE, bases: [base, base], isPlain: false }
})
packCoder.encodeFiles?.({
  oldTree: root,
  newTree: root,
  files: wishes,
  target: files.createFile(root, 'frames', 0o644),
  workers: Number(workers),
  memoryMax: Number(memoryMax),
  onProgress: () => {},
})
