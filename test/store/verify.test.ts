/**
 * Verify finds every kind of damage that a tree can have, and commit moves only what it passed. Damage
 * is done to a staged tree with the system's own tools, and never seen by the code before.
 */
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { silent } from '../../src/progress.ts'
import { commit } from '../../src/store/commit.ts'
import { describe, type Verification, verify } from '../../src/store/verify.ts'
import { nodeHost } from '../support/host.ts'
import { BIG, image41, image42, SAME } from '../support/image.ts'
import { bring, withStore } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { waitingStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

const publisher = new Publisher()
/** 41 runs; 42 is whole in `staging`. */
let path: string
const root = (name: string) => join(path, 'staging', 'root', name)

test.before(async () => {
  path = await waitingStore(publisher, [41, 42], (version) =>
    version === 41 ? image41() : image42(),
  )
  renameSync(join(path, 'upgraded-root'), join(path, 'staging'))
})

function verified(full: boolean): Promise<Verification> {
  return withStore(path, (store) => {
    const found = store.tree('staging')
    if (!found) throw new Error('nothing in staging')
    return verify(store, 'staging', { release: found.release, full, progress: silent })
  })
}

test('a whole tree is proved, and only what its upgrade wrote is read', async () => {
  const quick = await verified(false)
  const full = await verified(true)
  assert.equal(quick.damage, [])
  assert.ok(quick.tree)
  assert.equal(full.damage, [])
  assert.ok(quick.bytes < full.bytes, `${quick.bytes} of ${full.bytes}`)
  assert.ok(quick.bytes > 1_500_000, 'what was fetched is read')
})

/** Damages `name` in the staged tree, says what must be found, and has it mended. */
function damages(
  title: string,
  name: string,
  what: string,
  damage: (path: string) => void,
  reported = name,
): void {
  test(`${title} is found`, async () => {
    damage(root(name))
    const { damage: found, tree } = await verified(false)
    assert.is(tree, undefined)
    const words = found.map((one) => `${one.path} ${one.what}`)
    assert.ok(words.includes(`${reported} ${what}`), words.join(', '))
    for (const one of found) assert.type(describe(one), 'string')
    await restage()
  })
}

/** Staging mends what is damaged, so that the next test begins with a whole tree. */
async function restage(): Promise<void> {
  await bring('upgrade', path, publisher)
  renameSync(join(path, 'upgraded-root'), join(path, 'staging'))
  assert.equal((await verified(true)).damage, [])
}

damages('a missing file', 'etc/release', 'missing', (file) => unlinkSync(file))
damages('another mode', 'etc/mode', 'mode', (file) => chmodSync(file, 0o601))
damages('another owner', 'etc/owner', 'uid', (file) => chownSync(file, 9, 8))
damages('another group', 'etc/owner', 'gid', (file) => chownSync(file, 7, 9))
damages('another time', 'etc/time', 'time', (file) => utimesSync(file, 1, 2))
damages('another size', 'etc/release', 'size', (file) => writeFileSync(file, 'longer\n'))
damages('another type', 'bin', 'type', (file) => {
  unlinkSync(file)
  mkdirSync(file)
})
damages('another link text', 'bin', 'link', (file) => {
  unlinkSync(file)
  symlinkSync('usr/sbin', file)
  lutimesSync(file, 1_700_000_000, 1_700_000_000)
})
damages('a lost capability', 'usr/bin/ping', 'xattr', (file) => {
  const content = readFileSync(file)
  unlinkSync(file)
  writeFileSync(file, content)
  chmodSync(file, 0o755)
  utimesSync(file, 1_700_000_000, 1_700_000_000)
})
damages('an extra file', 'etc/extra', 'extra', (file) => writeFileSync(file, ''))
damages('an extra folder', 'usr/share/extra', 'extra', (file) => {
  mkdirSync(file)
  writeFileSync(join(file, 'below'), '')
})
damages('altered content under the same size and time', 'etc/release', 'sha256digest', (file) => {
  writeFileSync(file, '43\n')
  utimesSync(file, 1_700_000_000, 1_700_000_000)
})
damages('one altered bit of a large file', BIG, 'sha256digest', (file) => {
  const content = readFileSync(file)
  content[content.length - 1] = (content.at(-1) ?? 0) ^ 1
  writeFileSync(file, content)
  utimesSync(file, 1_700_100_000, 1_700_100_000)
})
damages('a hard link that was parted', 'usr/bin/python3', 'inode', (file) => {
  const content = readFileSync(file)
  unlinkSync(file)
  writeFileSync(file, content)
  chmodSync(file, 0o755)
  utimesSync(file, 1_700_000_000, 1_700_000_000)
})
damages(
  'a file that shares the inode of another',
  'usr/lib/fresh-twin-2.bin',
  'inode',
  (file) => {
    unlinkSync(file)
    linkSync(root('usr/lib/fresh-twin.bin'), file)
  },
  'usr/lib/fresh-twin.bin',
)

test('content that the running tree shares is read with full only', async () => {
  const shared = join(path, 'fakeroot', 'root', SAME)
  const content = readFileSync(shared)
  const altered = Buffer.from(content)
  altered[0] = (altered[0] ?? 0) ^ 1
  writeFileSync(shared, altered)
  utimesSync(shared, 1_700_000_000, 1_700_000_000)
  assert.equal((await verified(false)).damage, [])
  const words = (await verified(true)).damage.map((one) => `${one.path} ${one.what}`)
  assert.equal(words, [`${SAME} sha256digest`])
  writeFileSync(shared, content)
  utimesSync(shared, 1_700_000_000, 1_700_000_000)
})

test('a manifest that is not the signed one is refused before anything is looked at', async () => {
  const manifest = join(path, 'staging', 'manifest')
  const content = readFileSync(manifest)
  writeFileSync(manifest, Buffer.concat([content, Buffer.from('# a comment\n')]))
  assert.instance(await rejects(verified(false), /not the signed one/), TrustError)
  rmSync(manifest)
  assert.instance(await rejects(verified(false), /missing/), TrustError)
  writeFileSync(manifest, content)
})

test('commit takes what verify made, and replaces what waited before', async () => {
  mkdirSync(join(path, 'upgraded-root'))
  writeFileSync(join(path, 'upgraded-root', 'release'), 'old')
  const calls: string[] = []
  const host = nodeHost()
  const { files } = host
  const watched = {
    ...host,
    files: {
      ...files,
      syncFileSystem(fd: number) {
        calls.push('syncFileSystem')
        files.syncFileSystem(fd)
      },
      rename(...words: Parameters<typeof files.rename>) {
        calls.push(`rename ${words[1]} ${words[3]}`)
        files.rename(...words)
      },
    },
  }
  await withStore(
    path,
    async (store) => {
      const release = store.tree('staging')?.release
      if (!release) throw new Error('no staging')
      const { tree } = await verify(store, 'staging', { release, full: false, progress: silent })
      if (!tree) throw new Error('not whole')
      commit(tree)
      assert.is(store.tree('upgraded-root')?.release.version, 42)
      assert.is(store.has('staging'), false)
    },
    watched,
  )
  assert.equal(calls, ['syncFileSystem', 'rename staging upgraded-root'])
})

test.run()
