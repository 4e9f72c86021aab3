/** Whole files by their paths of the system, over native:files: what the stand-ins of Node share. */

import type { Fd, Path } from 'native:files'
import * as files from 'native:files'
import { bytesOfArray, bytesOfText } from '../../../src/text.ts'

/** A path as Node takes it, a text or its bytes, as the bytes. */
export function pathOf(path: string | Uint8Array): Path {
  return typeof path === 'string' ? bytesOfText(path) : bytesOfArray(path)
}

/** Hands the folder that holds the entry, and the entry's name in it. */
export function within<T>(path: Path, use: (directory: Fd, name: Path) => T): T {
  const plain = path.replace(/(.)\/+$/, '$1')
  const slash = plain.lastIndexOf('/')
  const name = plain.slice(slash + 1)
  const isFolder = name === '' || name === '.' || name === '..'
  const parent = isFolder ? plain : slash < 0 ? '.' : plain.slice(0, slash) || '/'
  const directory = files.openRoot(parent)
  try {
    return use(directory, isFolder ? '.' : name)
  } finally {
    files.close(directory)
  }
}

/** Follows links; reads a pipe to its end, too. */
export function contentAt(path: Path): Buffer {
  const fd = files.openFile(path)
  try {
    const parts: Uint8Array[] = []
    for (;;) {
      const buffer = new Uint8Array(64 * 1024)
      const length = files.read(fd, buffer, 0, buffer.length)
      if (length === 0) return Buffer.concat(parts)
      parts.push(buffer.subarray(0, length))
    }
  } finally {
    files.close(fd)
  }
}

/** Makes a file that was not there. */
export function putAt(path: Path, content: Uint8Array, mode: number): void {
  within(path, (directory, name) => {
    const fd = files.createFile(directory, name, mode)
    try {
      files.write(fd, content, 0, content.length)
    } finally {
      files.close(fd)
    }
  })
}
