/** Stands in for native/checksums/checksums.node.ts: the native module, over other files where a test has its own. */
import * as checksums from 'native:checksums'
import * as nativeFiles from 'native:files'
import type { Checksums, Files } from '../../../src/host.ts'

export function makeChecksums(files: Files): Checksums {
  if (files === nativeFiles) return checksums
  return {
    hash: checksums.hash,
    digestFile(fd, sizeMax) {
      const buffer = new Uint8Array(files.statHandle(fd).size)
      if (buffer.length > sizeMax) throw new Error('EFBIG: larger than the test allows')
      const size = files.read(fd, buffer, 0, buffer.length, 0)
      const digest = Buffer.from(checksums.hash('sha256', buffer.subarray(0, size))).toString('hex')
      return { digest, size }
    },
  }
}
