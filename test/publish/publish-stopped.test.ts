/** What stops a publish half way, or before it begins: the module stays as it was, and the next run makes it whole. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import * as assert from 'uvu/assert'
import { systemErrorOf } from '../../native/system-error.node.ts'
import { BusyError, SpaceError } from '../../src/errors.ts'
import type { Files } from '../../src/host.ts'
import { publish } from '../../src/publish/publish.ts'
import { openRelease } from '../../src/release/release.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import {
  bytes,
  changing,
  complaints,
  described,
  host,
  keys,
  makeTree,
  PUBLIC_KEY,
  publishTree,
  quiet,
  refuses,
  SECRET_KEY,
} from './support.ts'

const CUT = [
  'makeDirectory',
  'createFile',
  'hardLink',
  'makeLink',
  'makeNode',
  'setMetadata',
  'write',
  'rename',
  'sync',
  'syncFileSystem',
  'removeTree',
] as const

/** The files of the host, of which one call after another fails, as if the power were cut there. */
function failing(failAt: number): { files: Files; count: () => number } {
  let calls = 0
  const cut: Record<string, unknown> = {}
  for (const name of CUT) {
    const call = host.files[name] as (...words: unknown[]) => unknown
    cut[name] = (...words: unknown[]) => {
      if (++calls > failAt) throw new Error('cut')
      return call(...words)
    }
  }
  return { ...changing(cut), count: () => calls }
}

test('power cut after each operation: a version is whole or not there, and the next run makes it', () => {
  const tree = scratch('image')
  mkdirSync(`${tree}/d`)
  writeFileSync(`${tree}/d/file`, 'content')
  mustRun('ln', [`${tree}/d/file`, `${tree}/name`])
  mustRun('ln', ['-s', 'name', `${tree}/link`])
  const module = scratch('module')
  const options = {
    image: tree,
    version: 7,
    secretKey: SECRET_KEY,
    anyTree: true,
    progress: quiet,
    module,
  }
  let cuts = 0
  for (; ; cuts++) {
    rmSync(module, { recursive: true })
    mkdirSync(module)
    const { files } = failing(cuts)
    let done = false
    try {
      publish({ ...host, files }, options)
      done = true
    } catch (error) {
      assert.is((error as Error).message, 'cut')
    }
    const visible = readdirSync(module).filter((name) => !name.startsWith('.'))
    if (visible.includes('latest')) assert.ok(visible.includes('7'))
    if (visible.includes('7')) {
      const release = openRelease(bytes(`${module}/7/release`), keys)
      const digest = mustRun('sha256sum', [`${module}/7/manifest`]).slice(0, 64)
      assert.is(release.manifestDigest, digest)
      assert.is(complaints(module, 7), '')
    }
    publish(host, options)
    assert.equal(readdirSync(module).sort(), ['.lock', '7', 'latest'])
    assert.is(described(`${module}/7/root`), described(tree))
    if (done) break
  }
  assert.ok(cuts > 25, String(cuts))
})

test('a disk that fills up half way: the module is as before, and the message says so', () => {
  const tree = makeTree()
  const module = scratch('module')
  const full = () => {
    throw systemErrorOf('copy_file_range', 'a/x', 'ENOSPC')
  }
  const options = {
    image: tree,
    version: 41,
    secretKey: SECRET_KEY,
    anyTree: true,
    progress: quiet,
    module,
  }
  refuses(
    () => publish({ ...host, ...changing({ copyFile: full }) }, options),
    /has no room for the release: \d+ bytes are free/,
    SpaceError,
  )
  assert.equal(readdirSync(module), ['.lock'])
  publish(host, options)
})

test('two publishers at once: the second is told', () => {
  const tree = makeTree()
  const module = scratch('module')
  const directory = host.files.openRoot(module)
  const lock = host.files.openAppend(directory, '.lock', 0o644)
  assert.ok(host.files.lock(lock))
  refuses(() => publishTree(tree, module, 41), /somebody else is publishing/, BusyError)
  host.files.close(lock)
  host.files.close(directory)
  publishTree(tree, module, 41)
})

test('a file that changes while it is read is refused by its name', () => {
  for (const change of ['grows', 'shrinks', 'replaced'] as const) {
    const tree = makeTree()
    const module = scratch('module')
    const checksums = {
      ...host.checksums,
      digestFile(fd: number, sizeMax: number) {
        const path = `${tree}/names/a b`
        if (sizeMax === 3 && existsSync(path)) {
          if (change === 'grows') appendFileSync(path, 'more')
          if (change === 'shrinks') writeFileSync(path, '')
          if (change === 'replaced') {
            writeFileSync(`${tree}/other`, 'a!b')
            renameSync(`${tree}/other`, path)
          }
        }
        return host.checksums.digestFile(fd, sizeMax)
      },
    }
    const options = {
      image: tree,
      version: 1,
      secretKey: SECRET_KEY,
      anyTree: true,
      progress: quiet,
      module,
    }
    refuses(() => publish({ ...host, checksums }, options), /names\/a b changed while it was read/)
    assert.equal(readdirSync(module), ['.lock'])
  }
})

test('an image with the module in it is refused', () => {
  const tree = makeTree()
  refuses(() => publishTree(tree, `${tree}/empty`, 1), /holds the module/)
  refuses(() => publishTree(tree, `${tree}/none/module`, 1), /there is no .*none/)
})

test('what can not be a release is refused before anything is written', () => {
  const tree = makeTree()
  const module = scratch('module')
  const cases: [Parameters<typeof publishTree>[3], number, RegExp][] = [
    [{}, 0, /version is 0/],
    [{}, 1_000_000_000, /allowed: 1 to 999999999/],
    [{}, 1.5, /version is 1.5/],
    [{ jumpFrom: 3 }, 2, /jump from is 3/],
    [{ hardware: '' }, 2, /hardware is ""/],
    [{ deployment: 'a\nb' }, 2, /deployment is/],
    [{ expires: '2027-12-31' }, 2, /time of expiry is "2027-12-31"/],
    [{ expires: '2020-12-31T00:00:00Z' }, 2, /before it is issued/],
    [{ secretKey: PUBLIC_KEY }, 2, /not a secret key file/],
  ]
  for (const [options, version, message] of cases) {
    refuses(() => publishTree(tree, module, version, options), message)
  }
  assert.equal(readdirSync(module), [])
})

test.run()
