/**
 * The manifest is mtree(5): stock programs read and check ours, and we read theirs. A tree with every kind
 * of difficult name stands for all.
 */
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { files } from '../../native/files/files.node.ts'
import { TrustError } from '../../src/errors.ts'
import { ManifestReader } from '../../src/release/manifest-file.ts'
import {
  type Entry,
  formatManifestLine,
  parseManifestLine,
} from '../../src/release/manifest-line.ts'
import { makeTree, publishTree } from '../publish/support.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun, run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const KEYWORDS = 'type,mode,uid,gid,size,time,link,device,sha256,nlink'

const module = scratch('module')
publishTree(makeTree(), module, 1)
const tree = `${module}/1/root`
const manifest = `${module}/1/manifest`

function read(text: string): Map<string, Entry> {
  const file = `${scratch('manifest')}/text`
  writeFileSync(file, text, 'latin1')
  const fd = openSync(file, 'r')
  const reader = new ManifestReader(files, fd)
  const entries = new Map<string, Entry>()
  for (let line = reader.nextLine(); line !== undefined; line = reader.nextLine()) {
    const entry = parseManifestLine(line)
    entries.set(entry.path, entry)
  }
  closeSync(fd)
  return entries
}

/** What every dialect says of an entry: no tags, and no count of links where it says nothing of names. */
function common(entry: Entry): string {
  return formatManifestLine({ ...entry, xattrs: [], hardLinkTo: undefined })
}

const ours = read(readFileSync(manifest, 'latin1'))

function sameAsOurs(theirs: Map<string, Entry>): void {
  assert.is(theirs.size, ours.size)
  for (const [path, entry] of ours) {
    const found = theirs.get(path)
    assert.ok(found, path)
    // Our tree shares inodes with its image, so the other tools count more names.
    const links = found.type === 'file' ? entry.links : found.links
    assert.is(common({ ...found, links }), common(entry))
  }
}

test("we read what NetBSD's mtree writes with full paths", () => {
  const specification = mustRun('mtree', ['-c', '-k', KEYWORDS, '-p', tree])
  sameAsOurs(read(mustRun('mtree', ['-C', '-k', KEYWORDS], { input: specification })))
})

test('we read what bsdtar writes', () => {
  const options = ['--format=mtree', '--options=mtree:sha256', '-cf', '-', '.']
  sameAsOurs(read(mustRun('bsdtar', options, { cwd: tree })))
})

test("NetBSD's mtree reads our manifest as we do", () => {
  const input = readFileSync(manifest, 'latin1')
  sameAsOurs(read(mustRun('mtree', ['-C', '-k', KEYWORDS], { input })))
})

test('bsdtar reads our manifest as we do', () => {
  const names = mustRun('bsdtar', ['-tf', manifest]).trim().split('\n')
  assert.is(names.length, ours.size)
  const options = ['--format=mtree', '--options=mtree:sha256', '-cf', '-', `@${manifest}`]
  sameAsOurs(read(mustRun('bsdtar', options, { cwd: tree })))
})

test('other shapes of mtree texts are refused with what to do', () => {
  const cases: [string, RegExp][] = [
    [mustRun('mtree', ['-c', '-k', KEYWORDS, '-p', tree]), /\/set" sets defaults.*mtree -C/],
    [
      mustRun('mtree', ['-D', '-k', KEYWORDS], { input: readFileSync(manifest, 'latin1') }),
      /path at the end.*mtree -C/,
    ],
  ]
  for (const [text, message] of cases) {
    assert.throws(
      () => read(text),
      (error: unknown) => {
        assert.instance(error, TrustError)
        assert.match((error as Error).message, message)
        return true
      },
    )
  }
})

test("NetBSD's mtree finds nothing wrong in the tree, and then each single thing that is", () => {
  const check = () => run('mtree', ['-p', tree, '-f', manifest])
  assert.equal(check(), { status: 0, stdout: '', stderr: '' })
  const breaks: [() => void, RegExp][] = [
    [() => alter('names/a b'), /^names\/a b:\s+sha256 \(/],
    [() => alter(`names/${'\xe9'.repeat(255)}`), /^names\/.*:\s+sha256 \(/],
    [() => alter('names/new\nline'), /^names\/new.*line:\s+sha256 \(/s],
    [() => chmodSync(`${tree}/null`, 0o600), /^null:\s+permissions \(0666, 0600\)/],
    [() => mustRun('chown', ['-h', '0:0', `${tree}/symlink`]), /^symlink:\s+user \(1234, 0/],
    [
      () => mustRun('ln', ['-sfn', '/other', `${tree}/dangling`]),
      /^dangling:.*link ref \(\/other, \/nowhere/ms,
    ],
    [
      () => mustRun('touch', ['-d', '@5', `${tree}/empty-file`]),
      /^empty-file:.*modification time/s,
    ],
  ]
  for (const [action, message] of breaks) {
    const whole = scratch('whole')
    mustRun('cp', ['-a', tree, whole])
    action()
    const { status, stdout } = check()
    assert.is(status, 2)
    assert.match(stdout, message)
    mustRun('rm', ['-r', tree])
    mustRun('cp', ['-a', `${whole}/root`, tree])
    assert.is(check().status, 0)
  }
})

/** Changes one bit of a file, and nothing else that could be seen. */
function alter(path: string): void {
  const root = files.openRoot(tree)
  const stat = files.stat(root, path)
  assert.ok(stat)
  const file = Buffer.from(`${tree}/${path}`, 'latin1')
  const content = readFileSync(file)
  content[0] = (content[0] as number) ^ 1
  writeFileSync(file, content)
  files.setMetadata(root, path, { ...stat, xattrs: [] })
  files.close(root)
}

test.run()
