/**
 * Staging: what is linked, copied and fetched, what is kept of earlier tries, and that the running
 * tree is only read. A source that counts stands in for a server.
 */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PeerError, SpaceError, TrustError } from '../../src/errors.ts'
import type { Files, Host, Path } from '../../src/host.ts'
import { type Progress, silent } from '../../src/progress.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Source } from '../../src/source/source.ts'
import { readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import type { WantedFile } from '../../src/wanted-file.ts'
import { Cut, cutting } from '../support/faults.ts'
import { nodeHost } from '../support/host.ts'
import {
  BIG,
  COPIED,
  COPY,
  FRESH,
  FRESH_SIZE,
  image41,
  image42,
  MOVED_FROM,
  MOVED_TO,
  SAME,
  smallImage,
  TOUCHED,
} from '../support/image.ts'
import { bring, newStorePath, sourceOptions, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { digestOfTree, file, linesOfTree, type Tree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
publisher.publish(41, image41())

/** A folder as a source that says what it was asked for, and that may alter what it gives. */
class Counting implements Source {
  readonly asked: Path[] = []
  readonly bases = new Map<Path, number>()
  whole = 0

  constructor(
    readonly inner: Source,
    readonly alter: (wanted: WantedFile) => WantedFile = (wanted) => wanted,
  ) {}

  get name() {
    return this.inner.name
  }

  statement(version: number | undefined) {
    return this.inner.statement(version)
  }

  manifest(version: number, wanted: Omit<WantedFile, 'name'>) {
    return this.inner.manifest(version, wanted)
  }

  content(version: number, files: Parameters<Source['content']>[1]) {
    if (files.whole) this.whole++
    const note = (wanted: WantedFile) => {
      this.asked.push(wanted.name)
      if (wanted.basis) this.bases.set(wanted.name, wanted.basis.size)
      return this.alter(wanted)
    }
    return this.inner.content(version, {
      ...files,
      *wanted() {
        for (const wanted of files.wanted()) yield note(wanted)
      },
    })
  }

  close() {
    this.inner.close()
  }
}

function counting(
  store: Store,
  alter?: (wanted: WantedFile) => WantedFile,
  module = publisher.module,
) {
  return new Counting(openSource(host, `file://${module}`, sourceOptions(host, store)), alter)
}

async function installed41(): Promise<string> {
  const path = newStorePath()
  const only41 = { version: 41 }
  await bring('install', path, publisher, { change: only41 })
  return path
}

async function upgraded(
  path: string,
  alter?: (wanted: WantedFile) => WantedFile,
  progress = silent,
) {
  const store = Store.open(host, path, false)
  const source = counting(store, alter)
  try {
    const result = await bring('upgrade', path, publisher, { sources: [source], progress })
    return { result, source }
  } finally {
    store.close()
  }
}

const identity = (path: string) => lstatSync(path, { bigint: true }).ino
const live = (path: string, name: string) => join(path, 'fakeroot', 'root', name)
const next = (path: string, name: string) => join(path, 'upgraded-root', 'root', name)

test.before(() => {
  publisher.publish(42, image42())
})

test('an install makes the very tree that was published', async () => {
  const path = await installed41()
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(join(path, 'fakeroot', 'root')), plain(join(publisher.module, '41', 'root')))
  assert.equal(readdirSync(join(path, 'fakeroot')).sort(), ['manifest', 'release', 'root'])
  await withStore(path, (store) => assert.is(readState(store).floor, 41))
})

test('an upgrade makes the very tree that was published, and leaves the running one alone', async () => {
  const path = await installed41()
  const before = digestOfTree(host, join(path, 'fakeroot', 'root'))
  let phase = ''
  let done = 0
  let total: number | undefined
  const progress: Progress = {
    ...silent,
    begin(name, amount) {
      phase = name
      if (name === 'fetch') total = amount
    },
    advance(amount) {
      if (phase === 'fetch') done = amount
    },
  }
  const { result, source } = await upgraded(path, undefined, progress)
  assert.is(result.outcome, 'staged')
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(next(path, '')), plain(join(publisher.module, '42', 'root')))
  assert.is(digestOfTree(host, join(path, 'fakeroot', 'root')), before)
  assert.equal(readdirSync(join(path, 'upgraded-root')).sort(), ['manifest', 'release', 'root'])

  // Only what no file of this disk holds is asked for.
  for (const name of [MOVED_TO, COPY, SAME, ...TOUCHED]) assert.not.ok(source.asked.includes(name))
  assert.equal(
    source.asked.sort(),
    [
      'etc/becomes-file',
      'etc/becomes-folder/below',
      'etc/release',
      'usr/bin/python',
      BIG,
      'usr/lib/fresh-twin-2.bin',
      FRESH,
      'usr/lib/libversion.so.3.0.17',
    ].sort(),
  )
  assert.is(result.report?.fetchedFiles, source.asked.length)
  assert.is(done, total, 'the bar ends at its end')
  assert.is(result.report?.edited, 0)
  // A file of another version, and the same file, are the basis of what is fetched.
  assert.is(source.bases.get('usr/lib/libversion.so.3.0.17'), 80_000)
  assert.is(source.bases.get(BIG), statSync(live(path, BIG)).size)
  assert.is(source.bases.has(FRESH), false)
})

test('what is the same shares its inode; what differs in anything has one of its own', async () => {
  const path = await installed41()
  await upgraded(path)
  assert.is(identity(next(path, SAME)), identity(live(path, SAME)))
  assert.is(identity(next(path, MOVED_TO)), identity(live(path, MOVED_FROM)))
  assert.is.not(identity(next(path, COPY)), identity(live(path, COPIED)))
  assert.is(identity(next(path, COPIED)), identity(live(path, COPIED)))
  for (const name of TOUCHED) {
    assert.is.not(identity(next(path, name)), identity(live(path, name)), name)
    assert.equal(readFileSync(next(path, name)), readFileSync(live(path, name)))
  }
})

test('edits of the running tree are not carried over, and are counted', async () => {
  const path = await installed41()
  const time = statSync(live(path, SAME)).mtime
  writeFileSync(live(path, SAME), 'edited')
  chmodSync(live(path, COPIED), 0o600)
  unlinkSync(live(path, 'usr/bin/su'))
  utimesSync(live(path, MOVED_FROM), time, new Date(0))
  const before = digestOfTree(host, join(path, 'fakeroot', 'root'))
  const { result, source } = await upgraded(path)
  // The moved file has no line of its own any more, so it is no edit; but it is no source either.
  assert.is(result.report?.edited, 3)
  for (const name of [SAME, 'usr/bin/su', MOVED_TO, COPY]) {
    assert.ok(source.asked.includes(name), name)
  }
  // What the first of two equal files brought is copied for the second.
  assert.not.ok(source.asked.includes(COPIED))
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(next(path, '')), plain(join(publisher.module, '42', 'root')))
  assert.is(digestOfTree(host, join(path, 'fakeroot', 'root')), before)
})

test('the previous tree is recycled, and damage in it is found and fetched again', async () => {
  const own = new Publisher()
  own.publish(1, smallImage(1))
  const path = newStorePath()
  await bring('install', path, own)
  own.publish(2, smallImage(2))
  await bring('upgrade', path, own)
  await withStore(path, (store) => {
    swap(store)
    confirm(store)
  })
  // Version 3 goes back to a file of version 1, which still lies in the previous tree, damaged.
  const tree: Tree = smallImage(3)
  const only = smallImage(1).get('etc/only-1')
  if (!only) throw new Error('no such entry')
  tree.set('etc/only-1', only)
  own.publish(3, tree)
  const damaged = join(path, 'previous-root', 'root', 'etc', 'only-1')
  const content = readFileSync(damaged)
  const { mtime } = statSync(damaged)
  content[7] = (content[7] ?? 0) ^ 0xff
  writeFileSync(damaged, content)
  utimesSync(damaged, mtime, mtime)
  const result = await bring('upgrade', path, own)
  assert.is(result.outcome, 'staged')
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(next(path, '')), plain(join(own.module, '3', 'root')))
  await withStore(path, (store) => assert.is(store.has('previous-root'), false))
})

test('a file that the source alters is refused, the rest is kept, and another source mends it', async () => {
  const path = await installed41()
  const alter = (wanted: WantedFile): WantedFile =>
    wanted.name !== FRESH
      ? wanted
      : {
          ...wanted,
          done: (outcome) =>
            wanted.done('failed' in outcome ? outcome : { ...outcome, digest: '0'.repeat(64) }),
        }
  const error = await rejects(upgraded(path, alter), /^altered: .* sent one file/)
  assert.instance(error, TrustError)
  await withStore(path, (store) => assert.is(store.has('upgraded-root'), false))
  const { source, result } = await upgraded(path)
  assert.is(result.outcome, 'staged')
  assert.equal(source.asked, [FRESH])
})

test('a file that the source lacks is a PeerError, and the rest is kept', async () => {
  const path = await installed41()
  const lacking = (wanted: WantedFile): WantedFile =>
    wanted.name === BIG ? { ...wanted, name: 'not/there' } : wanted
  const error = await rejects(upgraded(path, lacking), new RegExp(`lacks one file.*${BIG}`))
  assert.instance(error, PeerError)
  assert.is((error as PeerError).kind, 'absent')
  const { source } = await upgraded(path)
  assert.equal(source.asked, [BIG])
})

test('what a broken try left of a file is the basis of the next', async () => {
  const path = await installed41()
  const breaking = (wanted: WantedFile): WantedFile => {
    if (wanted.name !== FRESH) return wanted
    const fd = wanted.target()
    const part = new Uint8Array(FRESH_SIZE * 0.75)
    host.files.write(fd, part, 0, part.length)
    throw new PeerError('the line went dead', 'broken')
  }
  await rejects(upgraded(path, breaking), /went dead/)
  assert.is(readdirSync(join(path, 'staging', 'partial')).length, 1)
  const { source } = await upgraded(path)
  assert.is(source.bases.get(FRESH), FRESH_SIZE * 0.75)
})

test('space is checked before anything of the tree is written', async () => {
  const path = await installed41()
  const error = await rejects(
    bring('upgrade', path, publisher, { change: { reserveBytes: 1e15 } }),
    /MB are missing/,
  )
  assert.instance(error, SpaceError)
  assert.ok((error as SpaceError).missingBytes > 0)
  assert.equal(readdirSync(join(path, 'staging', 'root')), [])
})

test('inodes are counted as well', async () => {
  const path = await installed41()
  const { files } = host
  const space: Files['space'] = (fd) => ({ ...files.space(fd), inodes: 3 })
  const few: Host = { ...host, files: { ...files, space } }
  const error = await rejects(bring('upgrade', path, publisher, { host: few }), /inodes/)
  assert.instance(error, SpaceError)
  assert.equal(readdirSync(join(path, 'staging', 'root')), [])
})

test('a second run over a waiting version does nothing', async () => {
  const path = await installed41()
  await upgraded(path)
  const before = digestOfTree(host, next(path, ''))
  const { result, source } = await upgraded(path)
  assert.is(result.outcome, 'waiting')
  assert.equal(source.asked, [])
  assert.is(digestOfTree(host, next(path, '')), before)
})

test('rubbish in staging is cleared away, whatever it is', async () => {
  const path = await installed41()
  mkdirSync(join(path, 'staging', 'root', 'etc', 'release'), { recursive: true })
  mkdirSync(join(path, 'staging', 'partial'))
  writeFileSync(join(path, 'staging', 'partial', 'rubbish'), 'x')
  writeFileSync(join(path, 'staging', 'manifest'), 'x')
  writeFileSync(join(path, 'staging', 'root', 'bin'), 'x')
  writeFileSync(join(path, 'staging', 'root', 'extra'), 'x')
  mkdirSync(join(path, 'staging', 'root', 'extra-folder', 'deeper'), { recursive: true })
  linkSync(live(path, SAME), join(path, 'staging', 'root', 'linked'))
  const { result } = await upgraded(path)
  assert.is(result.outcome, 'staged')
  const plain = (root: string) => linesOfTree(host, root, { inodes: false })
  assert.equal(plain(next(path, '')), plain(join(publisher.module, '42', 'root')))
})

test('a cut before any change of a whole upgrade: it runs again, and finishes', async () => {
  const own = new Publisher()
  own.publish(1, smallImage(1))
  const path = newStorePath()
  await bring('install', path, own)
  const tree = smallImage(2)
  tree.set('etc/copy', file('the same in every version', { mode: 0o600 }))
  own.publish(2, tree)
  const before = digestOfTree(host, join(path, 'fakeroot', 'root'))
  const { files } = host
  const quick = { ...files, sync() {}, syncFileSystem() {} } as Files
  let cuts = 0
  for (let done = false; !done; cuts++) {
    const broken = cutting(quick, cuts, nodeHost).host
    try {
      await bring('upgrade', path, own, { host: broken })
      done = true
    } catch (error) {
      assert.instance(error, Cut)
    }
    const { outcome } = await bring('upgrade', path, own, { host: nodeHost(quick) })
    assert.ok(outcome === 'staged' || outcome === 'waiting', outcome)
    assert.is(digestOfTree(host, join(path, 'fakeroot', 'root')), before)
    const plain = (root: string) => linesOfTree(host, root, { inodes: false })
    assert.equal(plain(next(path, '')), plain(join(own.module, '2', 'root')))
    await withStore(path, (store) => store.discard('upgraded-root'))
  }
  assert.ok(cuts > 20, `${cuts} changes`)
})

test.run()
