/** What a release asks of the store's disk is tried before anything is fetched, and refused by path where it can't be had. */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { EVERY_TIME } from '../../src/disk-times.ts'
import { ConfigError } from '../../src/errors.ts'
import type { Files, Host, Stat } from '../../src/host.ts'
import { bytesOfText, textOfBytes } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { mountImage } from '../support/mounts.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { file, folder, hardLink, node, type Tree } from '../support/tree.ts'

const MB = 1_000_000
const note = (size: number) => ({ xattrs: [{ name: 'user.note', value: new Uint8Array(size) }] })
const imageWith = (change: Tree): Tree =>
  new Map([['.', folder()], ['etc', folder()], ['etc/plain', file('plain')], ...change])

/** A host whose kernel refuses one call for what `is` says, and that notes what was fetched. */
function refusing(call: keyof Files, code: string, is: (...words: never[]) => boolean) {
  const host = nodeHost()
  const fetched: string[] = []
  const files: Files = {
    ...host.files,
    [call]: (...words: never[]) => {
      if (!is(...words)) return (host.files[call] as (...words: never[]) => unknown)(...words)
      const calls = {
        hardLink: 'link',
        makeNode: 'mknod',
        setMetadata: 'chown',
        createFile: 'open',
      }
      const name = (calls as Record<string, string>)[call]
      throw Object.assign(new Error(`${name}: ${code}`), { name: 'SystemError', call: name, code })
    },
  }
  const delta: Host['delta'] = {
    ...host.delta,
    copyWhole: (...words) => {
      fetched.push('a file')
      return host.delta.copyWhole(...words)
    },
  }
  return { host: { ...host, files, delta }, fetched }
}

async function refused(change: Tree, refusal: ReturnType<typeof refusing>): Promise<Error> {
  const publisher = new Publisher()
  publisher.publish(1, imageWith(change))
  const path = newStorePath()
  const error = await rejects(bring('install', path, publisher, { host: refusal.host }))
  assert.instance(error, ConfigError, error.stack ?? '')
  // The manifest is copied, and nothing else.
  assert.is(refusal.fetched.length, 1)
  assert.equal(readdirSync(join(path, 'staging/partial')), [])
  return error
}

test('more names than a file may have', async () => {
  const names = Array.from({ length: 149 }, (_, index) => `etc/name-${index + 100}`)
  const many: Tree = new Map([
    ['etc/first', file('many names')],
    ...names.map((name) => [name, hardLink('etc/first')] as const),
  ])
  let links = 0
  const error = await refused(
    many,
    refusing('hardLink', 'EMLINK', () => ++links > 120),
  )
  assert.match(error.message, /can't hold the 150 names of etc\/first \(link: EMLINK\)/)
})

test('a device node that nobody here may make', async () => {
  const error = await refused(
    new Map([['etc/null', node('char', 1, 3)]]),
    refusing('makeNode', 'EPERM', () => true),
  )
  assert.match(error.message, /can't hold the char file of etc\/null \(mknod: EPERM\)/)
})

test('an owner that the disk does not keep', async () => {
  const error = await refused(
    new Map([['etc/hers', file('hers', { uid: 7, gid: 8 })]]),
    refusing('setMetadata', 'EPERM', (_: never, __: never, { uid }: { uid: number }) => uid === 7),
  )
  assert.match(error.message, /can't hold the owner 7:8 of etc\/hers \(chown: EPERM\)/)
})

/** A host whose disk takes everything, and makes of it what `of` says. */
function losing(of: (stat: Stat) => Partial<Stat>): ReturnType<typeof refusing> {
  const { host, fetched } = refusing('makeNode', 'EPERM', () => false)
  const stat: Files['stat'] = (directory, path) => {
    const found = host.files.stat(directory, path)
    return found && { ...found, ...of(found) }
  }
  return { host: { ...host, files: { ...host.files, stat } }, fetched }
}

test('modes that the disk takes and does not keep', async () => {
  const error = await refused(
    new Map(),
    losing(({ type }) => (type === 'file' ? { mode: 0o777 } : {})),
  )
  assert.match(error.message, /the disk of the store .* keeps no modes of files/)
})

test('an owner that the disk takes and does not keep', async () => {
  const error = await refused(
    new Map([['etc/hers', file('hers', { uid: 7, gid: 8 })]]),
    losing(({ uid }) => (uid === 7 ? { uid: 0 } : {})),
  )
  assert.match(error.message, /can't hold the owner 7:8 of etc\/hers \(it takes them and does not/)
})

test('a disk without hard links', async () => {
  const error = await refused(
    new Map(),
    refusing('hardLink', 'EPERM', () => true),
  )
  assert.match(error.message, /keeps no hard links \(link: EPERM\)/)
})

for (const name of ['what: is it?', 'caf\xc3\xa9', 'caf\xe9', 'x'.repeat(200)]) {
  test(`a name that not every disk takes: ${name.slice(0, 20)}`, async () => {
    const error = await refused(
      new Map([[`etc/${name}`, file('named')]]),
      refusing('createFile', 'EINVAL', (_: never, path: string) => path.endsWith(`/${name}`)),
    )
    assert.match(error.message, /can't hold the name of etc\/.* \(open: EINVAL\)/)
  })
}

test('what a try left that was cut short is in nobody’s way', async () => {
  const publisher = new Publisher()
  publisher.publish(1, imageWith(new Map([['etc/hers', file('hers', { uid: 7 })]])))
  const path = newStorePath()
  mkdirSync(join(path, 'staging/partial/rehearsal/0'), { recursive: true })
  mkdirSync(join(path, 'staging/root'))
  assert.is((await bring('install', path, publisher)).version, 1)
})

test('a disk that takes times and does not keep them', async () => {
  const host = nodeHost()
  const files: Files = {
    ...host.files,
    diskTimes: () => EVERY_TIME,
    setMetadata: (directory, path, metadata) => {
      const modified = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 }
      host.files.setMetadata(directory, path, { ...metadata, modified })
    },
  }
  const error = await refused(new Map(), { host: { ...host, files }, fetched: ['a file'] })
  assert.match(error.message, /keeps no times of files \(what was set is lost\)/)
})

test('a disk that gives names in another form of Unicode than it took', async () => {
  const host = nodeHost()
  const files: Files = {
    ...host.files,
    readDirectory: (directory, path) =>
      host.files.readDirectory(directory, path).map((name) => {
        const text = textOfBytes(name)?.normalize('NFD')
        return text === undefined ? name : bytesOfText(text)
      }),
  }
  const composed: Tree = new Map([[bytesOfText('etc/caf\u00e9'), file('coffee')]])
  const error = await refused(composed, { host: { ...host, files }, fetched: ['a file'] })
  assert.match(error.message, /can't hold the name of etc\/caf\u00e9 \(it takes them/)
})

test('two names that a disk takes for one', async () => {
  const host = nodeHost()
  const files: Files = {
    ...host.files,
    stat: (directory, path) => host.files.stat(directory, path === 'STAGING' ? 'staging' : path),
  }
  const publisher = new Publisher()
  publisher.publish(1, imageWith(new Map([['etc/once', file('once')]])))
  const path = newStorePath()
  const folding = { host: { ...host, files } }
  await bring('install', path, publisher, folding)
  const twins: Tree = new Map([
    ['etc/README', file('one')],
    ['etc/Readme', file('other')],
  ])
  publisher.publish(2, imageWith(twins))
  const error = await rejects(bring('upgrade', path, publisher, folding))
  assert.instance(error, ConfigError, error.stack ?? '')
  assert.match(error.message, /can't hold both etc\/README and etc\/Readme, which it takes for one/)
  assert.is((await bring('upgrade', path, publisher)).version, 2)
})

test('attributes larger than a disk with small blocks holds, which is not full', async () => {
  const disk = mountImage(16 * MB, 'mkfs.ext4', '-q', '-F', '-b', '1024')
  const publisher = new Publisher()
  publisher.publish(1, imageWith(new Map([['etc/small', file('small', note(500))]])))
  const path = join(disk, 'xo')
  await bring('install', path, publisher)
  publisher.publish(2, imageWith(new Map([['etc/noted', file('noted', note(2_000))]])))
  const error = await rejects(bring('upgrade', path, publisher))
  assert.instance(error, ConfigError, error.stack ?? '')
  assert.match(error.message, /extended attributes \(2009 bytes: user.note\) of etc\/noted/)
  assert.match((error as ConfigError).cure ?? '', /ea_inode.*no file of it was fetched/)
  assert.equal(readdirSync(join(path, 'staging/partial')), [])
  publisher.publish(3, imageWith(new Map([['etc/noted', file('noted', note(500))]])))
  assert.is((await bring('upgrade', path, publisher)).version, 3)
})

test.run()
