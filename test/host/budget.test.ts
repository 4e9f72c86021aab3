/**
 * What C holds of what comes from outside has a limit of its own, which names itself; the largest image
 * fits; and what is given back may be taken again. Runs small scripts on the built host.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { longManifest } from '../support/long-manifest.ts'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const DEADLINE_MS = 60_000

/** Runs a script that may call `list`, `zstd` and `digests`; what it printed. */
function ran(script: string, environment: Record<string, string> = {}): string {
  const file = join(scratch(), 'script.js')
  writeFileSync(
    file,
    `${PRELUDE}\ntry { ${script} } catch (error) { say(error.name + ': ' + error.message) }\n`,
  )
  const env = { PATH: process.env.PATH, ...environment }
  const { stdout, stderr, status } = spawnSync(HOST, [file], {
    encoding: 'utf8',
    timeout: DEADLINE_MS,
    env,
  })
  assert.is(status, 0, stderr)
  return stdout
}

const PRELUDE = `
import * as delta from 'native:delta'
import * as files from 'native:files'
import * as packs from 'native:packs'
import * as trees from 'native:trees'
const say = (text) => {
  const bytes = Uint8Array.from(text + '\\n', (unit) => unit.charCodeAt(0))
  files.write(1, bytes, 0, bytes.length)
}
/** A list of so many entries, each with a name of 28 bytes. */
function list(count) {
  const options = { protocol: 31, varintFlags: true, relative: false, entriesMax: 320000 }
  const opened = delta.openFileList(options)
  // Flags and length, the name, then size, time and mode.
  const [head, tail] = [[1, 28], [0, 1, 0, 0x69, 1, 0x35, 0x57, 0xa4, 0x81, 0, 0]]
  const entry = Uint8Array.from([...head, ...Array(28).fill(97), ...tail])
  for (let i = 0; i < count; i++) {
    let rest = i
    for (let at = 2; at < 8; at++) {
      entry[at] = 97 + (rest % 26)
      rest = Math.floor(rest / 26)
    }
    delta.feedList(opened, entry, 0, entry.length)
  }
  delta.feedList(opened, Uint8Array.of(0, 0), 0, 2)
  return opened
}
`

test('a list that takes more is the source’s fault, and says how much it may take', () => {
  assert.match(
    ran('list(100000)', { XO_NATIVE_MEMORY_LIMIT_MB: '2' }),
    /^TokenError: the file list and the streams of a source would take more than the 2 MiB of /,
  )
})

test('so is a stream, beside a list that left little', () => {
  const bomb = `
    const opened = list(35000)
    const rebuilder = delta.openRebuilder('zstd', 'md5')
    const head = { count: 0, blockLength: 0, strongLength: 0, remainder: 0 }
    const target = files.openAppend(files.openRoot('/tmp'), '${`budget-${process.pid}`}', 0o600)
    files.removeFile(files.openRoot('/tmp'), '${`budget-${process.pid}`}')
    delta.beginFile(rebuilder, { head, basis: undefined, target, sizeMax: 1e7 })
    const block = Uint8Array.of(0x40, 10, 0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3, 2, 0, 0x10, 0x61)
    delta.feed(rebuilder, block, 0, block.length)
    say('passed')`
  assert.match(ran(bomb, { XO_NATIVE_MEMORY_LIMIT_MB: '8' }), /^TokenError: .* more than the 8 MiB/)
  assert.is(ran(bomb), 'passed\n')
})

test('the list of the largest image fits', () => {
  assert.is(ran('say(String(delta.listSummary(list(300000)).entries))'), '300000\n')
})

test('what is given back may be taken again', () => {
  const script = `
    for (let i = 0; i < 20; i++) {
      delta.closeFileList(list(20000))
      delta.closeRebuilder(delta.openRebuilder('zstd', 'md5'))
      delta.closeRebuilder(delta.openRebuilder('zlibx', 'md5'))
      trees.closeDigests(trees.openDigests(files.openFile('${longManifest(20_000)}')))
    }
    say('done')`
  assert.is(ran(script, { XO_NATIVE_MEMORY_LIMIT_MB: '2' }), 'done\n')
})

test('a manifest that takes more to compare says so', () => {
  const script = `trees.openDigests(files.openFile('${longManifest(120_000)}'))`
  assert.match(
    ran(script, { XO_NATIVE_MEMORY_LIMIT_MB: '1' }),
    /^ManifestError: comparing the manifest would take more than the 1 MiB/,
  )
  assert.is(ran(script), '')
})

test('a pack takes what it may take when it is opened, gives it back, and can not have more', () => {
  const open = `packs.openPack(files.openFile('/proc/self/exe'), 'one')`
  const times = `for (let i = 0; i < 20; i++) packs.closePack(${open}); say('done')`
  assert.is(ran(times), 'done\n')
  assert.match(
    ran(open, { XO_NATIVE_MEMORY_LIMIT_MB: '4' }),
    /^PackError: a pack would take more than the 4 MiB of memory/,
  )
  assert.match(ran(`const first = ${open}; ${open}; say(first)`), /^PackError: .* the 11 MiB/)
})

test.run()
