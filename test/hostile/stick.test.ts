/**
 * A hostile stick, or an altered mirror: each alteration by its name. What is wrong is never taken, the
 * running tree stays as it is, and the next source serves what was signed.
 */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { readRelease, signRelease } from '../../src/release/release.ts'
import { nodeHost } from '../support/host.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree, digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const foreign = new Publisher()
publisher.publish(1, smallImage(1))
publisher.publish(2, smallImage(2))
foreign.publish(3, smallImage(3))
const FILE = '2/root/etc/only-2'

function flip(path: string): void {
  const content = readFileSync(path)
  content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1
  writeFileSync(path, content)
}

function replaceByLink(path: string, target: string): void {
  rmSync(path, { recursive: true })
  symlinkSync(target, path)
}

/** The newest release with other words, signed by whoever holds the other key. */
function signedByForeigner(stick: string, words: object): void {
  const release = readRelease(new Uint8Array(readFileSync(join(stick, 'latest'))))
  const key = loadSecretKey(host, foreign.keys.secretFile)
  writeFileSync(join(stick, 'latest'), signRelease({ ...release, ...words }, key, ''))
}

/** Each alteration, and what it is called; undefined: what it asks for can't be told from an old stick. */
const ALTERATIONS: [string, (stick: string) => void, RegExp | undefined][] = [
  ['latest-one-bit', (stick) => flip(join(stick, 'latest')), /forged|not a signed|unknown key/],
  ['latest-cut', (stick) => truncateSync(join(stick, 'latest'), 100), /not a signed|line/],
  ['latest-empty', (stick) => truncateSync(join(stick, 'latest'), 0), /not a signed/],
  [
    'latest-of-another-publisher',
    (stick) => copyFileSync(join(foreign.module, 'latest'), join(stick, 'latest')),
    /unknown key/,
  ],
  ['latest-signed-by-another', (stick) => signedByForeigner(stick, { version: 9 }), /unknown key/],
  [
    'latest-of-before',
    (stick) => copyFileSync(join(stick, '1/release'), join(stick, 'latest')),
    undefined,
  ],
  [
    'manifest-of-another-version',
    (stick) => copyFileSync(join(stick, '1/manifest'), join(stick, '2/manifest')),
    /altered/,
  ],
  ['manifest-one-bit', (stick) => flip(join(stick, '2/manifest')), /altered/],
  ['manifest-cut', (stick) => truncateSync(join(stick, '2/manifest'), 50), /altered/],
  ['manifest-longer', (stick) => appendFileSync(join(stick, '2/manifest'), 'x'), /endless data/],
  ['file-one-bit', (stick) => flip(join(stick, FILE)), /altered/],
  ['file-cut', (stick) => truncateSync(join(stick, FILE), 10), /altered/],
  ['file-longer', (stick) => appendFileSync(join(stick, FILE), 'x'), /altered/],
  ['file-missing', (stick) => rmSync(join(stick, FILE)), /lacks one file/],
  [
    'file-is-a-link-out-of-the-stick',
    (stick) => replaceByLink(join(stick, FILE), '/etc/shadow'),
    /lacks one file/,
  ],
  [
    'folder-is-a-link-out-of-the-stick',
    (stick) => {
      renameSync(join(stick, '2/root/etc'), join(stick, 'etc'))
      symlinkSync('../../etc', join(stick, '2/root/etc'))
    },
    /lacks/,
  ],
  [
    'root-is-a-link-to-the-running-system',
    (stick) => replaceByLink(join(stick, '2/root'), '/'),
    /root.*(link|not a folder)/,
  ],
  [
    'file-is-a-pipe',
    (stick) => {
      rmSync(join(stick, FILE))
      assert.is(spawnSync('mkfifo', [join(stick, FILE)]).status, 0)
    },
    /lacks one file/,
  ],
  ['keys-of-noise', (stick) => writeFileSync(join(stick, 'keys'), 'x'.repeat(5000)), undefined],
]

async function onVersion1(): Promise<{ path: string; stick: string }> {
  const path = newStorePath()
  await bring('install', path, publisher, { change: { version: 1 } })
  const stick = join(scratch('stick'), 'xo')
  copyTree(publisher.module, stick)
  return { path, stick }
}

const published = linesOfTree(host, join(publisher.module, '2/root'), { inodes: false })

for (const [name, alter, called] of ALTERATIONS) {
  test(name, async () => {
    const { path, stick } = await onVersion1()
    const before = digestOfTree(host, join(path, 'fakeroot/root'))
    alter(stick)
    const upgrade = (urls: string[]) => bring('upgrade', path, publisher, { urls })
    if (called) {
      await rejects(upgrade([`file://${stick}`]), called)
      await upgrade([`file://${stick}`, `file://${publisher.module}`])
    } else {
      await upgrade([`file://${stick}`])
      await upgrade([`file://${publisher.module}`])
    }
    const staged = linesOfTree(host, join(path, 'upgraded-root/root'), { inodes: false })
    assert.equal(staged, published)
    assert.is(digestOfTree(host, join(path, 'fakeroot/root')), before)
  })
}

test.run()
