/**
 * What an early boot finds: real programs and libraries in trees that the program installed, damaged in the
 * ways that disks and people damage them; and what the boot then does about it.
 */

import {
  chmodSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Code, systemError } from '../../runtime/emulator/disk/system-error.ts'
import { type Circumstances, gatherFacts } from '../../src/boot/facts.ts'
import type { BootFacts } from '../../src/boot/plan.ts'
import { type BootDecision, settleTrees } from '../../src/boot/settle.ts'
import type { Files, Host } from '../../src/host.ts'
import { generateKeys, loadSecretKey } from '../../src/publish/keygen.ts'
import { extendChain } from '../../src/release/keys.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { readElf } from '../../src/store/elf.ts'
import { changeState, readState } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { countBoot } from '../../src/store/trial.ts'
import { nodeHost } from '../support/host.ts'
import { bring, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { calmStore, copyFolder, copyOfStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'
import { INIT, LIBC, LINKER, startableImage, TINFO } from './kit.ts'

const publisher = new Publisher()
/** 42 runs, confirmed; 41 ran before. */
let calm: string
/** The same, and 43 waits. */
let waiting: string
let circumstances: Circumstances

test.before(async () => {
  calm = await calmStore(publisher, [41, 42], startableImage)
  waiting = copyOfStore(calm)
  const kept = join(scratch('kept'), 'previous-root')
  copyFolder(join(waiting, 'previous-root'), kept)
  publisher.publish(43, startableImage(43))
  await bring('upgrade', waiting, publisher)
  copyFolder(kept, join(waiting, 'previous-root'))
  circumstances = {
    keys: [publicKeyOf(loadSecretKey(publisher.host, publisher.keys.secretFile))],
    bootsMax: 3,
    words: { boot: undefined, recover: undefined },
    locked: undefined,
    writable: true,
    moved: false,
    recoveryTried: false,
  }
})

const facts = (path: string, change: Partial<Circumstances> = {}): Promise<BootFacts> =>
  withStore(path, (store) => gatherFacts(store, { ...circumstances, ...change }))

const inside = (store: string, path: string) => join(store, 'fakeroot/root', path)

const zero = (path: string) => writeFileSync(path, Buffer.alloc(readFileSync(path).length))

test('a calm store: both trees can start', async () => {
  const found = await facts(calm)
  assert.equal(found.running, { version: 42, fault: undefined })
  assert.equal(found.previous, { version: 41, fault: undefined })
  assert.is(found.waiting, undefined)
  assert.is(found.confirmed, 42)
})

test('a key that was revoked later locks nobody out, and starts nothing new', async () => {
  const path = copyOfStore(waiting)
  const { host, keys } = publisher
  const [old] = circumstances.keys
  assert.ok(old)
  const next = generateKeys(host, { directory: scratch('next-keys'), name: 'release' })
  const change = {
    role: 'release' as const,
    issued: 1_000_000,
    next: [publicKeyOf(loadSecretKey(host, next.secretFile))],
    revoked: [old],
  }
  const signer = loadSecretKey(host, keys.secretFile)
  writeFileSync(join(path, 'keys'), extendChain(new Uint8Array(), change, signer).chain)
  const found = await facts(path)
  assert.equal(found.running, { version: 42, fault: undefined })
  assert.equal(found.previous, { version: 41, fault: undefined })
  assert.is(found.waiting?.fault?.kind, 'untrusted')
})

const DAMAGE: [string, (path: string) => void, RegExp][] = [
  ['libc is zeroed', (path) => zero(inside(path, LIBC)), /libc\.so\.6 has another content/],
  ['a library is cut short', (path) => truncateSync(inside(path, TINFO), 1000), /another size/],
  ['a library is gone', (path) => rmSync(inside(path, TINFO)), /libtinfo\.so\.6 is missing/],
  ['the dynamic linker is zeroed', (path) => zero(inside(path, LINKER)), /ld-linux.*content/],
  ['the init is gone', (path) => rmSync(inside(path, INIT)), /usr\/sbin\/start is missing/],
  ['the init is empty', (path) => writeFileSync(inside(path, INIT), ''), /another size/],
  ['the init may not run', (path) => chmodSync(inside(path, INIT), 0o644), /not executable/],
  ['the interpreter is gone', (path) => rmSync(inside(path, 'usr/bin/bash')), /bash is missing/],
  ['a folder is gone', (path) => rmSync(inside(path, 'usr/lib'), { recursive: true }), /missing/],
  ['all is gone', (path) => rmSync(join(path, 'fakeroot/root'), { recursive: true }), /ENOENT/],
  [
    'a link leads elsewhere',
    (path) => {
      rmSync(inside(path, 'usr/sbin/init'))
      symlinkSync('/bin/true', inside(path, 'usr/sbin/init'))
    },
    /usr\/sbin\/init is not the link/,
  ],
  ['the manifest is zeroed', (path) => zero(join(path, 'fakeroot/manifest')), /manifest is not/],
  ['the manifest is gone', (path) => rmSync(join(path, 'fakeroot/manifest')), /manifest is not/],
  ['the release is gone', (path) => rmSync(join(path, 'fakeroot/release')), /release is missing/],
  ['the release is zeroed', (path) => zero(join(path, 'fakeroot/release')), /line/],
]

for (const [name, damage, expected] of DAMAGE) {
  test(`${name}: found at the boot, and the tree before runs`, async () => {
    const path = copyOfStore(calm)
    damage(path)
    const { running } = await facts(path)
    assert.match(running?.fault?.text ?? '', expected)
    const decision = await decide(path)
    assert.is(decision.act === 'boot' && decision.version, 41)
    await withStore(path, (store) => {
      assert.is(store.version('fakeroot'), 41)
      assert.equal(readState(store).bad, [])
      assert.match(readState(store).last?.message ?? '', /Version 41 runs again/)
    })
  })
}

test('a file that no start needs may be damaged', async () => {
  const path = copyOfStore(calm)
  zero(inside(path, 'etc/same'))
  assert.is((await facts(path)).running?.fault, undefined)
})

test('a tree that another key signed is not trusted', async () => {
  const host = nodeHost()
  const other = generateKeys(host, { directory: scratch('keys'), name: 'release' })
  const keys = [publicKeyOf(loadSecretKey(host, other.secretFile))]
  assert.is((await facts(calm, { keys })).running?.fault?.kind, 'untrusted')
})

test('a tree without any init is unfit, and needs no digest to be so', async () => {
  const found = await facts(calm, { inits: ['/no/such', '/etc'] })
  assert.equal(found.running?.fault, { kind: 'unfit', text: 'it has no /no/such, no /etc' })
})

test('a state record that is garbage does not keep a laptop from starting', async () => {
  const path = copyOfStore(calm)
  zero(join(path, 'state'))
  const decision = await decide(path)
  assert.equal([decision.act, decision.act === 'boot' && decision.version], ['boot', 42])
  await withStore(path, (store) => assert.is(readState(store).floor, 42))
  zero(inside(path, LIBC))
  const other = await decide(path)
  assert.equal(other.act === 'boot' && [other.tree, other.version], ['fakeroot', 41])
})

test('a garbage record on a disk that cannot be written to: the tree starts as it stands', async () => {
  const path = copyOfStore(calm)
  zero(join(path, 'state'))
  zero(inside(path, LIBC))
  const decision = await decide(path, {}, refusing('EROFS'))
  assert.equal(decision.act === 'boot' && [decision.tree, decision.version], ['previous-root', 41])
})

test('a manifest that this program does not understand is no endless loop', async () => {
  const path = copyOfStore(calm)
  const host = nodeHost()
  const trees = {
    ...host.trees,
    findLine(): never {
      throw Object.assign(new Error('line 1: unknown'), { name: 'ManifestError', line: 1 })
    },
  }
  const decision = await decide(path, { recoveryTried: true }, { ...host, trees })
  assert.equal(decision.act === 'boot' && decision.version, 42)
})

test('what the machine lacks for a moment is not held against a tree', async () => {
  const path = copyOfStore(calm)
  const host = nodeHost()
  const files = {
    ...host.files,
    openRead(): never {
      throw systemError('open', undefined, 'ENOMEM')
    },
  }
  try {
    await decide(path, {}, nodeHost(files as Files))
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /ENOMEM/)
  }
})

function decide(
  path: string,
  change: Partial<Circumstances> = {},
  host?: Host,
  notes: string[] = [],
): Promise<BootDecision> {
  const act = (store: Store) =>
    settleTrees(store, { ...circumstances, ...change }, (text) => void notes.push(text))
  return withStore(path, act, host)
}

test('what waits is swapped in, tried three times, and swapped back for good', async () => {
  const path = copyOfStore(waiting)
  for (const boot of [1, 2, 3]) {
    const decision = await decide(path)
    assert.equal(decision, {
      act: 'boot',
      tree: 'fakeroot',
      version: 43,
      trial: true,
      reason: `Version 43 is on trial: boot ${boot} of 3.`,
    })
    await withStore(path, (store) => assert.is(countBoot(store), boot))
  }
  const notes: string[] = []
  const decision = await decide(path, {}, undefined, notes)
  assert.is(decision.act === 'boot' && decision.version, 42)
  assert.equal(notes[0], 'Version 43 was started 3 times and never became healthy.')
  await withStore(path, (store) => {
    const { bad, trial, boots, last } = readState(store)
    assert.equal({ bad, trial, boots }, { bad: [43], trial: undefined, boots: 0 })
    assert.is(last?.outcome, 'rolled-back')
    assert.is(store.version('previous-root'), 43)
  })
})

test('the previous version that was asked for is gone back to once, and not forth again', async () => {
  const path = copyOfStore(waiting)
  const words = { boot: 'previous', recover: undefined } as const
  const decision = await decide(path, { words })
  assert.equal(decision.act === 'boot' && [decision.tree, decision.version], ['fakeroot', 41])
  await withStore(path, (store) => {
    assert.is(store.version('previous-root'), 42)
    assert.is(store.version('upgraded-root'), 43, 'what waits is for the next start')
  })
  const next = await decide(path)
  assert.is(next.act === 'boot' && next.version, 43)
})

test('damaged while another version waits: the healthy one stays the way back', async () => {
  const path = copyOfStore(waiting)
  zero(inside(path, LIBC))
  const decision = await decide(path)
  assert.is(decision.act === 'boot' && decision.version, 43)
  await withStore(path, (store) => assert.is(store.version('previous-root'), 41))
})

test('a cut in the swap, a gone tree, and every other name: it always starts or says recover', async () => {
  const names = ['fakeroot', 'upgraded-root', 'previous-root']
  for (let gone = 0; gone < 8; gone++) {
    for (const intent of [undefined, { verb: 'swap', source: 42, target: 43 } as const]) {
      const path = copyOfStore(waiting)
      for (const [bit, name] of names.entries()) {
        if (gone & (1 << bit)) rmSync(join(path, name), { recursive: true })
      }
      await withStore(path, (store) => changeState(store, { intent }))
      const decision = await decide(path)
      assert.is(decision.act, gone === 7 ? 'recover' : 'boot', `${gone} ${intent}`)
    }
  }
})

test('a release that lies at the aside name after a lost record is not lost', async () => {
  const path = copyOfStore(waiting)
  renameSync(join(path, 'fakeroot'), join(path, 'previous-root.swap'))
  rmSync(join(path, 'previous-root'), { recursive: true })
  const intent = { verb: 'swap', source: 42, target: 43 } as const
  await withStore(path, (store) => changeState(store, { intent }))
  const decision = await decide(path)
  assert.is(decision.act === 'boot' && decision.version, 43)
  await withStore(path, (store) => assert.is(store.version('previous-root'), 42))
})

/** Every change fails with this code. */
function refusing(code: Code): Host {
  const { files } = nodeHost()
  const refuse = (): never => {
    throw systemError('open', undefined, code)
  }
  const changed = { createFile: refuse, rename: refuse, exchange: refuse, removeFile: refuse }
  return nodeHost({ ...files, ...changed } as Files)
}

test('a disk that cannot be written to: what can start is started under its name', async () => {
  for (const code of ['EROFS', 'EIO', 'ENOSPC'] as const) {
    const path = copyOfStore(waiting)
    const swapless = await decide(path, {}, refusing(code))
    assert.is(swapless.act === 'boot' && swapless.version, 42)
    zero(inside(path, LIBC))
    const decision = await decide(path, {}, refusing(code))
    assert.equal(decision.act === 'boot' && [decision.tree, decision.version], [
      'previous-root',
      41,
    ])
  }
})

test('the full disk gets its room from what was being staged', async () => {
  const path = copyOfStore(waiting)
  const { files } = nodeHost()
  copyFolder(join(path, 'upgraded-root'), join(path, 'staging'))
  const host = nodeHost({
    ...files,
    createFile(directory, name, mode) {
      if (files.stat(directory, 'staging')) {
        throw systemError('open', undefined, 'ENOSPC')
      }
      return files.createFile(directory, name, mode)
    },
  })
  const decision = await decide(path, {}, host)
  assert.is(decision.act === 'boot' && decision.version, 43)
})

test('what real programs and libraries need is read from them, of 64 bits and of 32', () => {
  const needs = (path: string) => {
    const bytes = readFileSync(path)
    return readElf((position, length) => bytes.subarray(position, position + length))
  }
  assert.equal(needs('/bin/bash'), {
    interpreter: '/lib64/ld-linux-x86-64.so.2',
    libraries: ['libtinfo.so.6', 'libc.so.6'],
    folders: [],
  })
  assert.equal(needs('/usr/arm-linux-gnueabihf/lib/libm.so.6'), {
    interpreter: undefined,
    libraries: ['libc.so.6', 'ld-linux-armhf.so.3'],
    folders: [],
  })
  assert.is(needs('/etc/passwd'), undefined)
})

test('no bytes of an ELF file make it fail or hang', () => {
  const bytes = new Uint8Array(readFileSync('/bin/bash'))
  for (let at = 0; at < 1024; at++) {
    for (const value of [0, 0xff]) {
      const changed = new Uint8Array(bytes)
      changed.fill(value, at, at + 4)
      readElf((position, length) => changed.subarray(position, position + length))
    }
  }
})

test.run()
