/** Manifests as files: read and written in bounded memory. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { files } from '../../native/files/files.node.ts'
import { TrustError } from '../../src/errors.ts'
import { ManifestReader, ManifestWriter } from '../../src/release/manifest-file.ts'
import { parseManifestLine } from '../../src/release/manifest-line.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const folder = scratch('manifest')
const DIR = 'type=dir mode=0755 uid=0 gid=0 time=1700000000.000000000'

/** Reads all entries of a text. */
function read(text: string): string[] {
  const file = join(folder, 'text')
  writeFileSync(file, text, 'latin1')
  const fd = openSync(file, 'r')
  try {
    const reader = new ManifestReader(files, fd)
    const paths: string[] = []
    for (let line = reader.nextLine(); line !== undefined; line = reader.nextLine()) {
      paths.push(parseManifestLine(line).path)
    }
    return paths
  } finally {
    closeSync(fd)
  }
}

function refuses(text: string, message: RegExp): void {
  assert.throws(
    () => read(text),
    (error: unknown) => error instanceof TrustError && message.test(error.message),
    `${text.slice(0, 100)} with ${message}`,
  )
}

test('what is written is read again, over many chunks', () => {
  const file = join(folder, 'many')
  const fd = openSync(file, 'w+')
  const writer = new ManifestWriter(files, fd)
  const root = parseManifestLine(`. ${DIR}`)
  writer.write(root)
  const paths = Array.from({ length: 5000 }, (_, i) => `${'x'.repeat(i % 200)}\n\xff${i}`).sort()
  for (const path of paths) writer.write({ ...root, path })
  writer.flush()
  const content = readFileSync(file, 'latin1')
  assert.is(content.length, writer.size)
  assert.is(writer.entries, 5001)
  assert.ok(content.startsWith(`#mtree v2.0\n. ${DIR}\n`))
  assert.equal(read(content), ['.', ...paths])
  closeSync(fd)
})

test('comments and blank lines are skipped, and still counted', () => {
  assert.equal(read(`#mtree v2.0\n\n# x\n. ${DIR}\n#\n./a ${DIR}\n\n`), ['.', 'a'])
  refuses(`#mtree v2.0\n. ${DIR}\n\n./a ${DIR}`, /^line 4 of the manifest: .*no newline/)
  assert.equal(read(''), [])
})

test('a manifest that was cut is refused', () => {
  refuses(`. ${DIR}\n./a ${DIR}`, /^line 2 .*no newline/)
})

test('a line longer than the limit is refused, wherever it lies', () => {
  const longest = `./a ${DIR} tags=${'x'.repeat(128 * 1024 - DIR.length - 10)}`
  assert.is(longest.length, 128 * 1024)
  assert.equal(read(`. ${DIR}\n${longest}\n`), ['.', 'a'])
  refuses(`. ${DIR}\n${longest}x\n`, /more than 131072 bytes after line 1/)
  refuses(`. ${DIR}\n${longest}${'x'.repeat(1_000_000)}`, /more than 131072 bytes after line 1/)
})

test.run()
