/** A tree with everything in it that is hard to publish, and what publishes it. */

import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import * as assert from 'uvu/assert'
import { clock } from '../../native/clock/clock.node.ts'
import { files } from '../../native/files/files.node.ts'
import { ConfigError, type UpgradeError } from '../../src/errors.ts'
import type { Files } from '../../src/host.ts'
import type { Progress } from '../../src/progress.ts'
import { generateKeys } from '../../src/publish/keygen.ts'
import { type PublishOptions, type PublishResult, publish } from '../../src/publish/publish.ts'
import { readPublicKey } from '../../src/release/signify.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { plainCoder } from '../support/plain-coder.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { mustRun, run } from '../support/stock-tool.ts'

const { trees, packs } = nodeHost()

export const host = { files, clock, ...signing, trees, packs, packCoder: plainCoder(files) }

export const quiet: Progress = { begin() {}, advance() {}, traffic() {}, note() {} }

/** A path of bytes for Node. */
export const at = (folder: string, path: string) => Buffer.from(`${folder}/${path}`, 'latin1')

/** Names that a Linux file system takes, as byte strings. */
const HARD_NAMES = [
  'a b',
  'new\nline',
  'tab\t',
  '-dash',
  'back\\slash',
  'back\\040slash',
  'x#y',
  '#begin',
  'eq=,:',
  'glob*?[z]',
  'caf\xc3\xa9',
  '\xff\xe9\x01\x7f\x80',
  '...',
  '.hidden',
  '~',
  '$HOME',
  '\xe9'.repeat(255),
]

/** cap_net_raw=ep, as the kernel keeps it: what a ping program has. */
const CAPABILITY = '\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

function setXattrs(tree: string, path: string, values: Record<string, string>): void {
  const root = files.openRoot(tree)
  const stat = files.stat(root, path)
  if (stat === undefined) throw new Error(path)
  const xattrs = Object.entries(values).map(([name, value]) => ({
    name,
    value: arrayOfBytes(value),
  }))
  files.setMetadata(root, path, { ...stat, xattrs })
  files.close(root)
}

/** The extended attributes of one file, as text. */
export function xattrsOf(tree: string, path: string): string {
  const root = files.openRoot(tree)
  const xattrs = files.readXattrs(root, path)
  files.close(root)
  return xattrs.map(({ name, value }) => `${name}=${bytesOfArray(value)}`).join(';')
}

/** Makes the tree in a new folder; owners and devices need root. */
export function makeTree(): string {
  const tree = scratch('image')
  const file = (path: string, text: string, mode = 0o644) => {
    writeFileSync(at(tree, path), text, { mode })
    chmodSync(at(tree, path), mode)
  }
  // Sorts between the directory and what is in it.
  for (const path of ['a', 'a/sub', 'a/sub/deep', 'names', 'empty']) mkdirSync(at(tree, path))
  for (const name of ['a-b', 'a.b', 'a0', 'a/x', 'a/sub-x', 'a/sub/deep/y']) file(name, name)
  for (const name of HARD_NAMES) file(`names/${name}`, name)
  file('setuid', 'setuid', 0o4755)
  file('secret', 'secret', 0o600)
  file('empty-file', '')
  file('capable', 'capable', 0o755)
  linkSync(at(tree, 'a/x'), at(tree, 'a-link'))
  linkSync(at(tree, 'a/x'), at(tree, 'names/, : linked'))
  linkSync(at(tree, 'setuid'), at(tree, 'zz-last'))
  symlinkSync(Buffer.from('a b\n\xff', 'latin1'), at(tree, 'symlink'))
  symlinkSync('/nowhere', at(tree, 'dangling'))
  mustRun('mkfifo', ['-m', '640', `${tree}/fifo`])
  mustRun('mknod', ['-m', '666', `${tree}/null`, 'c', '1', '3'])
  mustRun('mknod', ['-m', '660', `${tree}/disk`, 'b', '259', '300'])
  mustRun('chown', ['-h', '1234:5678', `${tree}/a-b`, `${tree}/symlink`, `${tree}/fifo`])
  setXattrs(tree, 'a-b', { 'user.a:b,c': 'text', 'user.note': '\xff\0\xff' })
  setXattrs(tree, 'capable', { 'security.capability': CAPABILITY })
  lutimesSync(at(tree, 'symlink'), 1_000_000_000.5, 1_000_000_000.25)
  lutimesSync(at(tree, 'a-b'), 0, 0)
  chmodSync(at(tree, 'a/sub'), 0o2750)
  lutimesSync(at(tree, 'a/sub'), 1_234_567_890, 1_234_567_890)
  return tree
}

const keyFolder = scratch('keys')
generateKeys(host, { directory: keyFolder, name: 'test' })
export const SECRET_KEY = `${keyFolder}/test.sec`
export const PUBLIC_KEY = `${keyFolder}/test.pub`

export function publishTree(
  image: string,
  module: string,
  version: number,
  options: Partial<PublishOptions> = {},
): PublishResult {
  return publish(host, {
    image,
    module,
    version,
    secretKey: SECRET_KEY,
    anyTree: true,
    progress: quiet,
    ...options,
  })
}

export const keys = [readPublicKey(signing, readFileSync(PUBLIC_KEY, 'latin1'))]
export const bytes = (path: string) => new Uint8Array(readFileSync(path))

export function refuses(
  action: () => unknown,
  message: RegExp,
  Kind: abstract new (...args: never[]) => UpgradeError = ConfigError,
) {
  assert.throws(action, (error: unknown) => {
    assert.instance(error, Kind, String(error))
    assert.match((error as Error).message, message)
    return true
  })
}

/** The files of the host, with some functions replaced. */
export function changing(changed: Partial<Files>): { files: Files } {
  return { files: { ...host.files, ...changed } }
}

/** What stock mtree says about a tree: all metadata and content, but no extended attributes. */
export function described(tree: string): string {
  const keywords = 'type,mode,uid,gid,size,time,link,device,sha256'
  return mustRun('mtree', ['-c', '-k', keywords, '-p', tree]).replace(/^#.*\n/gm, '')
}

/** Why the stock tool finds a published version wrong; nothing if it is right. */
export function complaints(module: string, version: number): string {
  const folder = `${module}/${version}`
  const { stdout, stderr } = run('mtree', ['-p', `${folder}/root`, '-f', `${folder}/manifest`])
  return stdout + stderr
}
