/** Publishing: a tree made into a release, whole or not at all. */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import * as assert from 'uvu/assert'
import { systemErrorOf } from '../../native/system-error.node.ts'
import type { Files } from '../../src/host.ts'
import { publish } from '../../src/publish/publish.ts'
import { ManifestReader } from '../../src/release/manifest-file.ts'
import { comparePaths, parseManifestLine } from '../../src/release/manifest-line.ts'
import { openRelease } from '../../src/release/release.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun, run } from '../support/stock-tool.ts'
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
  xattrsOf,
} from './support.ts'

/** The paths of a manifest, each of which comes after the one before it. */
function sortedPaths(manifest: string): string[] {
  const fd = host.files.openFile(manifest)
  const reader = new ManifestReader(host.files, fd)
  const paths: string[] = []
  for (let line = reader.nextLine(); line !== undefined; line = reader.nextLine()) {
    paths.push(parseManifestLine(line).path)
  }
  assert.equal(paths, [...new Set(paths)].sort(comparePaths))
  host.files.close(fd)
  return paths
}

test('a published tree is the image, and mtree finds nothing in it', () => {
  const tree = makeTree()
  const module = scratch('module')
  const result = publishTree(tree, module, 41)
  assert.is(result.published, true)
  assert.is(result.latest, 41)
  assert.is(result.copied, 2)
  assert.ok(result.linked > 20)
  assert.is(described(`${module}/41/root`), described(tree))
  assert.is(complaints(module, 41), '')
  for (const path of ['a-b', 'capable', 'a0', '.']) {
    assert.is(xattrsOf(`${module}/41/root`, path), xattrsOf(tree, path))
  }
  assert.match(xattrsOf(tree, 'a-b'), /^user\.a:b,c=text;user\.note=/)
  assert.match(xattrsOf(tree, 'capable'), /^security\.capability=/)
  assert.equal(bytes(`${module}/latest`), bytes(`${module}/41/release`))
  const release = openRelease(bytes(`${module}/latest`), keys)
  assert.is(release.version, 41)
  assert.is(release.manifestSize, lstatSync(`${module}/41/manifest`).size)
  assert.is(release.manifestDigest, mustRun('sha256sum', [`${module}/41/manifest`]).slice(0, 64))
  const lines = readFileSync(`${module}/41/manifest`, 'latin1').split('\n').slice(1, -1)
  assert.is(release.entries, lines.length)
  assert.is(result.entries, lines.length)
  assert.equal(sortedPaths(`${module}/41/manifest`).slice(0, 8), [
    '.',
    'a',
    'a-b',
    'a-link',
    'a.b',
    'a/sub',
    'a/sub-x',
    'a/sub/deep',
  ])
  assert.equal(readdirSync(module).sort(), ['.lock', '41', 'latest'])
  assert.is(lstatSync(`${module}/41`).mode & 0o777, 0o755)
  assert.is(lstatSync(`${module}/41/manifest`).mode & 0o777, 0o644)
  assert.is(lstatSync(`${module}/latest`).mode & 0o777, 0o644)
  mustRun('signify-openbsd', ['-V', '-e', '-p', PUBLIC_KEY, '-x', `${module}/latest`, '-m', '-'])
})

test('the same where the umask lets nobody read, and no link can be made', () => {
  const tree = makeTree()
  const module = scratch('module')
  const before = process.umask(0o077)
  try {
    const hardLink: Files['hardLink'] = (source, path, target, targetPath) => {
      if (source !== target) throw systemErrorOf('link', path, 'EXDEV')
      host.files.hardLink(source, path, target, targetPath)
    }
    const options = {
      image: tree,
      version: 41,
      secretKey: SECRET_KEY,
      anyTree: true,
      progress: quiet,
    }
    const result = publish({ ...host, ...changing({ hardLink }) }, { ...options, module })
    assert.is(result.linked, 0)
    assert.ok(result.copied > 20)
  } finally {
    process.umask(before)
  }
  assert.is(described(`${module}/41/root`), described(tree))
  assert.is(complaints(module, 41), '')
  assert.is(xattrsOf(`${module}/41/root`, 'capable'), xattrsOf(tree, 'capable'))
  assert.is(lstatSync(`${module}/latest`).mode & 0o777, 0o644)
  assert.is(lstatSync(`${module}/41`).mode & 0o777, 0o755)
  assert.is(lstatSync(`${module}/41/release`).mode & 0o777, 0o644)
  assert.is(lstatSync(`${module}/41/manifest`).mode & 0o777, 0o644)
})

test('the same tree makes the same manifest, wherever it is and however often', () => {
  const tree = makeTree()
  const copy = `${scratch('image')}/copy`
  mustRun('cp', ['-a', tree, copy])
  const modules = [scratch('module'), scratch('module')]
  const issued = '2026-11-22T18:00:00Z'
  publishTree(tree, modules[0] as string, 1, { issued })
  publishTree(copy, modules[1] as string, 1, { issued })
  publishTree(`${modules[0]}/1/root`, modules[0] as string, 2)
  for (const path of ['1/manifest', '1/release', 'latest']) {
    if (path === 'latest') continue
    assert.equal(bytes(`${modules[0]}/${path}`), bytes(`${modules[1]}/${path}`))
  }
  assert.equal(bytes(`${modules[0]}/1/manifest`), bytes(`${modules[0]}/2/manifest`))
})

test('a second publish of the same tree changes nothing, of another one is refused', () => {
  const tree = makeTree()
  const module = scratch('module')
  publishTree(tree, module, 41)
  const before = bytes(`${module}/41/release`)
  assert.is(publishTree(tree, module, 41).published, false)
  assert.equal(bytes(`${module}/41/release`), before)

  writeFileSync(`${tree}/a/new`, 'new')
  refuses(() => publishTree(tree, module, 41), /another tree: "a" differs: time=/)
  mustRun('touch', ['-r', `${module}/41/root/a`, `${tree}/a`])
  refuses(() => publishTree(tree, module, 41), /another tree: only .*image.* has "a\/new"/)
  unlinkSync(`${tree}/a/new`)
  mustRun('touch', ['-r', `${module}/41/root/a`, `${tree}/a`])
  assert.is(publishTree(tree, module, 41).published, false)

  unlinkSync(`${tree}/zz-last`)
  mustRun('touch', ['-r', `${module}/41/root`, tree])
  refuses(() => publishTree(tree, module, 41), /"setuid" differs: nothing in the image, nlink=2 in/)
  unlinkSync(`${tree}/symlink`)
  mustRun('touch', ['-r', `${module}/41/root`, tree])
  chmodSync(`${tree}/setuid`, 0o755)
  refuses(
    () => publishTree(tree, module, 41),
    /"setuid" differs: mode=0755 in the image, mode=4755/,
  )
  assert.equal(readdirSync(module).sort(), ['.lock', '41', 'latest'])
})

test('a second publish on other terms or by another key is refused', () => {
  const tree = makeTree()
  const module = scratch('module')
  publishTree(tree, module, 41, { expires: '2099-01-01T00:00:00Z' })
  const expires = '2099-01-01T00:00:00Z'
  assert.is(publishTree(tree, module, 41, { expires }).published, false)
  refuses(() => publishTree(tree, module, 41), /time of expiry is 2099-01-01T00:00:00Z, not never/)
  refuses(
    () => publishTree(tree, module, 41, { expires, hardware: 'xo-1' }),
    /hardware is any, not xo-1/,
  )
  refuses(() => publishTree(tree, module, 41, { expires, deployment: 'peru' }), /deployment is any/)
  refuses(() => publishTree(tree, module, 41, { expires, jumpFrom: 4 }), /jump from is 0, not 4/)
  const folder = scratch('keys')
  mustRun('signify-openbsd', ['-G', '-n', '-p', 'o.pub', '-s', 'o.sec'], { cwd: folder })
  refuses(
    () => publishTree(tree, module, 41, { expires, secretKey: `${folder}/o.sec` }),
    /not signed by this key: unknown key/,
  )
})

test('latest names the highest version, whatever the order', () => {
  const tree = makeTree()
  const module = scratch('module')
  publishTree(tree, module, 42)
  const result = publishTree(tree, module, 41)
  assert.is(result.latest, 42)
  assert.ok(result.warnings.some((warning) => /version 42 stays/.test(warning)))
  assert.is(openRelease(bytes(`${module}/latest`), keys).version, 42)
  publishTree(tree, module, 43)
  assert.is(openRelease(bytes(`${module}/latest`), keys).version, 43)
  // A cut between the two renames: the version is there, and latest is the old one.
  copyFileSync(`${module}/42/release`, `${module}/latest`)
  assert.is(publishTree(tree, module, 43).published, false)
  assert.is(openRelease(bytes(`${module}/latest`), keys).version, 43)
  writeFileSync(`${module}/latest`, 'damaged')
  publishTree(tree, module, 43)
  assert.is(openRelease(bytes(`${module}/latest`), keys).version, 43)
  refuses(() => publishTree(tree, module, 1_000_044), /no device would take it/)
})

test('what an interrupted publish left is removed', () => {
  const tree = makeTree()
  const module = scratch('module')
  mkdirSync(`${module}/.new-41/root/x`, { recursive: true })
  mkdirSync(`${module}/.new-40`)
  writeFileSync(`${module}/.new-latest`, 'x')
  publishTree(tree, module, 41)
  assert.equal(readdirSync(module).sort(), ['.lock', '41', 'latest'])
})

test('entries that only root can read are pointed out', () => {
  const tree = makeTree()
  const { warnings } = publishTree(tree, scratch('module'), 1)
  assert.is(warnings.length, 1)
  assert.match(warnings[0] as string, /entries are not readable by everybody \(".*" is the first\)/)
})

test('one altered byte of a published tree is found by mtree', () => {
  const tree = makeTree()
  const module = scratch('module')
  publishTree(tree, module, 41)
  const file = `${module}/41/root/a0`
  mustRun('cp', ['-a', '--', file, `${file}.copy`])
  const content = readFileSync(`${file}.copy`)
  content[0] = (content[0] as number) ^ 1
  writeFileSync(`${file}.copy`, content)
  mustRun('touch', ['-r', file, `${file}.copy`])
  renameSync(`${file}.copy`, file)
  mustRun('touch', ['-r', tree, `${module}/41/root`])
  const { status, stdout } = run('mtree', [
    '-p',
    `${module}/41/root`,
    '-f',
    `${module}/41/manifest`,
  ])
  assert.is(status, 2)
  assert.match(stdout, /^a0:\s+sha256 \(/)
  assert.is(
    stdout
      .trim()
      .split('\n')
      .filter((line) => /^\S/.test(line)).length,
    1,
  )
})

test.run()
