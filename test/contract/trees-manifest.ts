/** What native:trees promises of manifests: look-ups, and what it refuses to read. */

import * as assert from 'uvu/assert'
import type { Fd, Trees } from '../../src/host.ts'
import { formatManifestLine, parseManifestLine } from '../../src/release/manifest-line.ts'
import { suite } from '../support/suite.ts'
import { changed, find, type Planted, type TreeKit } from './tree-kit.ts'

const HEAD = '#mtree v2.0\n'
const FACTS = 'mode=0644 uid=0 gid=0'
const TIME = 'time=1700000000.000000000'
const DIGEST = `sha256digest=${'0123456789abcdef'.repeat(4)}`
const ROOT = `. type=dir ${FACTS} ${TIME}\n`

/** The line of a regular file with one part of it replaced. */
const file = (path: string, part = '', by = '') =>
  `${path} type=file ${FACTS} size=3 ${TIME} ${DIGEST}`.replace(part, by).concat('\n')
const names = (path: string, tags: string, links = 2) =>
  file(path).replace('\n', ` nlink=${links}${tags === '' ? '' : ` tags=${tags}`}\n`)

/** The two names of a hard link, the later one with one part of it replaced. */
function group(part: string, by: string, tags = ''): string {
  const later = names('./b', `hardlink:./a${tags}`)
  if (!later.includes(part)) throw new Error(`no ${part} in ${later}`)
  return `${HEAD}${ROOT}${names('./a', tags.slice(1))}${later.replace(part, by)}`
}
const groupWithXattr = (xattr: string, other: string) => group(xattr, other, `,xattr:${xattr}`)

/** What is wrong, the text, and the line where that shows (0: any). */
const MALFORMED: [string, string, number][] = [
  ['an empty file', '', 0],
  ['no entry', `${HEAD}# empty\n\n`, 0],
  ['no newline at the end', `${HEAD}${ROOT}${file('./a').slice(0, -1)}`, 0],
  ['no root', `${HEAD}${file('./a')}`, 2],
  ['a root that is no directory', `${HEAD}${ROOT.replace('dir', 'fifo')}`, 2],
  ['the wrong order', `${HEAD}${ROOT}${file('./b')}${file('./a')}`, 4],
  ['a path twice', `${HEAD}${ROOT}${file('./a')}${file('./a')}`, 4],
  ['order by escapes', `${HEAD}${ROOT}${file('./b')}${file('./\\040')}`, 4],
  ['no directory above', `${HEAD}${ROOT}${file('./a/b')}`, 3],
  ['a file above', `${HEAD}${ROOT}${file('./a')}${file('./a/b')}`, 4],
  ['a way out', `${HEAD}${ROOT}${file('./../etc')}`, 3],
  ['a way out by escapes', `${HEAD}${ROOT}${file('./\\056\\056/etc')}`, 3],
  ['a way in and out', `${HEAD}${ROOT}${file('./a/../../etc')}`, 3],
  ['a dot in the path', `${HEAD}${ROOT}${file('././a')}`, 3],
  ['an empty name', `${HEAD}${ROOT}${file('.//a')}`, 3],
  ['a slash at the end', `${HEAD}${ROOT}${file('./a/')}`, 3],
  ['no name at all', `${HEAD}${ROOT}${file('./')}`, 3],
  ['an absolute path', `${HEAD}${ROOT}${file('/etc')}`, 3],
  ['a NUL', `${HEAD}${ROOT}${file('./a\\000b')}`, 3],
  ['an escape cut short', `${HEAD}${ROOT}${file('./a\\')}`, 3],
  ['an escape past a byte', `${HEAD}${ROOT}${file('./a\\777')}`, 3],
  ['a name of 256 bytes', `${HEAD}${ROOT}${file(`./${'x'.repeat(256)}`)}`, 3],
  ['a path of 5000 bytes', `${HEAD}${ROOT}${file(`./${'x/'.repeat(2499)}xx`)}`, 3],
  ['a line of a million bytes', `${HEAD}${ROOT}${file(`./${'x'.repeat(1_000_000)}`)}`, 0],
  ['no type', `${HEAD}${ROOT}${file('./a', 'type=file ')}`, 3],
  ['an unknown type', `${HEAD}${ROOT}${file('./a', 'type=file', 'type=door')}`, 3],
  ['two types', `${HEAD}${ROOT}${file('./a', 'uid=0', 'type=dir uid=0')}`, 3],
  ['no mode', `${HEAD}${ROOT}${file('./a', 'mode=0644 ')}`, 3],
  ['a mode of nines', `${HEAD}${ROOT}${file('./a', '0644', '0699')}`, 3],
  ['too much mode', `${HEAD}${ROOT}${file('./a', '0644', '10644')}`, 3],
  ['no owner', `${HEAD}${ROOT}${file('./a', 'uid=0 ')}`, 3],
  ['an owner below zero', `${HEAD}${ROOT}${file('./a', 'uid=0', 'uid=-1')}`, 3],
  ['the owner that chown skips', `${HEAD}${ROOT}${file('./a', 'uid=0', 'uid=4294967295')}`, 3],
  ['no group', `${HEAD}${ROOT}${file('./a', 'gid=0 ')}`, 3],
  ['no size', `${HEAD}${ROOT}${file('./a', 'size=3 ')}`, 3],
  ['a size below zero', `${HEAD}${ROOT}${file('./a', 'size=3', 'size=-3')}`, 3],
  ['a size past 64 bits', `${HEAD}${ROOT}${file('./a', 'size=3', 'size=18446744073709551617')}`, 3],
  ['no time', `${HEAD}${ROOT}${file('./a', `${TIME} `)}`, 3],
  ['a time with a word in it', `${HEAD}${ROOT}${file('./a', TIME, 'time=now')}`, 3],
  ['ten digits of nanoseconds', `${HEAD}${ROOT}${file('./a', TIME, 'time=1.1234567890')}`, 3],
  ['no digest', `${HEAD}${ROOT}${file('./a', ` ${DIGEST}`)}`, 3],
  ['a short digest', `${HEAD}${ROOT}${file('./a', DIGEST, DIGEST.slice(0, -1))}`, 3],
  ['a digest in capitals', `${HEAD}${ROOT}${file('./a', 'abcdef', 'ABCDEF')}`, 3],
  ['no link text', `${HEAD}${ROOT}./a type=link ${FACTS} ${TIME}\n`, 3],
  ['no device', `${HEAD}${ROOT}./a type=char ${FACTS} ${TIME}\n`, 3],
  ['half a device', `${HEAD}${ROOT}./a type=char ${FACTS} ${TIME} device=native,1\n`, 3],
  ['defaults for other lines', `${HEAD}/set type=file\n${ROOT}`, 2],
  ['an xattr without value', `${HEAD}${ROOT}${names('./a', 'xattr:user.a', 1)}`, 3],
  ['an xattr of broken base64', `${HEAD}${ROOT}${names('./a', 'xattr:user.a:A', 1)}`, 3],
  ['a link to nothing', `${HEAD}${ROOT}${names('./b', 'hardlink:./a')}`, 3],
  ['a link to itself', `${HEAD}${ROOT}${names('./b', 'hardlink:./b')}`, 3],
  ['a link to a later name', `${HEAD}${ROOT}${names('./a', 'hardlink:./b')}${names('./b', '')}`, 3],
  ['a link to a directory', `${HEAD}${ROOT}${names('./b', 'hardlink:.')}`, 3],
  [
    'a link to a later name of the group',
    `${HEAD}${ROOT}${names('./a', '', 3)}${names('./b', 'hardlink:./a', 3)}${names('./c', 'hardlink:./b', 3)}`,
    5,
  ],
  ['names that differ in mode', group('mode=0644', 'mode=0600'), 4],
  ['names that differ in owner', group('uid=0', 'uid=1'), 4],
  ['names that differ in group', group('gid=0', 'gid=1'), 4],
  ['names that differ in size', group('size=3', 'size=4'), 4],
  ['names that differ by seconds', group('time=1700000000', 'time=1700000001'), 4],
  ['names that differ by a nanosecond', group('.000000000', '.000000001'), 4],
  ['names that differ in digest', group('0123456789abcdef ', '0123456789abcdee '), 4],
  ['names that differ in count', group('nlink=2', 'nlink=3'), 4],
  ['names that differ by an xattr', group('hardlink:./a', 'hardlink:./a,xattr:user.a:QQ=='), 4],
  ['names that differ in the value of an xattr', groupWithXattr('user.b:QQ==', 'user.b:QUE='), 4],
  ['names that differ in the name of an xattr', groupWithXattr('user.b:QQ==', 'user.c:QQ=='), 4],
  [
    'one name too many',
    `${HEAD}${ROOT}${names('./a', '')}${names('./b', 'hardlink:./a')}${names('./c', 'hardlink:./a')}`,
    0,
  ],
  ['one name too few', `${HEAD}${ROOT}${names('./a', '', 3)}${names('./b', 'hardlink:./a', 3)}`, 0],
  ['control characters', `${HEAD}${ROOT}\x00\x01\x02\xff\n`, 3],
]

export function manifestContract(name: string, kit: TreeKit): void {
  malformedContract(name, kit)
  lookUpContract(name, kit)
}

function malformedContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: malformed manifests`)
  const { trees } = kit.kit.host

  const none = { tree: undefined, live: undefined }
  /** Every job that reads a whole manifest; each says how many entries it had. */
  const readers: Record<string, (text: string) => number> = {
    reconcile(text) {
      const job = trees.openReconcile({ manifest: kit.text(text), ...none, dryRun: true })
      try {
        for (;;) {
          const { done, entries } = trees.reconcile(job, 100)
          if (done) return entries
        }
      } finally {
        trees.closeReconcile(job)
      }
    },
    verify(text) {
      const options = { ...none, tree: kit.kit.fresh(), full: true }
      const job = trees.openVerify({ manifest: kit.text(text), ...options })
      try {
        for (;;) {
          const { done, entries } = trees.verify(job, 100)
          if (done) return entries
        }
      } finally {
        trees.closeVerify(job)
      }
    },
  }

  for (const [what, text, line] of MALFORMED) {
    test(what, () => {
      for (const [reader, readAll] of Object.entries(readers)) {
        let thrown: unknown
        try {
          readAll(text)
        } catch (error) {
          thrown = error
        }
        assert.instance(thrown, Error, `${reader} read it`)
        const error = thrown as Error & { line?: number }
        assert.is(error.name, 'ManifestError', error.message)
        assert.type(error.line, 'number')
        if (line > 0) assert.is(error.line, line)
      }
    })
  }

  test('names of one hard link that agree in all are read', () => {
    const same = groupWithXattr('user.b:QQ==', 'user.b:QQ==')
    for (const readAll of Object.values(readers)) assert.is(readAll(same), 3)
  })

  test('comments, blank lines and both dialects are read', () => {
    const dialects = [
      file('./a b'.replace(' ', '\\s'), 'sha256digest', 'sha256'),
      file('./c', ' type=file', '').replace('\n', ' type=file\n'),
      names('./d', ''),
      '# a comment between\n\n',
      names('./e', 'hardlink:./d'),
      file('./f', 'uid=0', 'uname=root uid=0 flags=none nochange'),
    ]
    const text = `${HEAD}# made by hand\n\n${ROOT}${dialects.join('')}`
    for (const readAll of Object.values(readers)) assert.is(readAll(text), 6)
  })

  test.run()
}

function lookUpContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: look-ups`)
  const { trees } = kit.kit.host

  test('finds the line of every path, and of no other', () => {
    const entries = kit.nasty()
    const manifest = kit.manifest(entries)
    for (const entry of entries) {
      assert.is(trees.findLine(manifest, entry.path), formatManifestLine(entry))
    }
    for (const path of ['', '!', 'a/', 'a/w', 'a/y', 'none', '~', '\xff', 'names/none', './a']) {
      assert.is(trees.findLine(manifest, path), undefined, path)
    }
  })

  test('gives the lines that ask most of a disk, and no others', () => {
    const note = (size: number) => [{ name: 'user.note', value: new Uint8Array(size) }]
    const capability = [{ name: 'security.capability', value: new Uint8Array(20) }]
    const group = { content: 'group', links: 3 }
    const entries = kit.entries([
      { path: '.', type: 'dir' },
      { path: 'a', content: 'plain' },
      { path: 'b', type: 'link', link: 'a' },
      { path: 'c', type: 'link', link: 'b' },
      { path: 'd', content: 'owned', uid: 7 },
      { path: 'e', content: 'owned as well', gid: 7 },
      { path: 'f', content: 'set-id', mode: 0o4755 },
      { path: 'g', content: 'noted', xattrs: note(1) },
      { path: 'h', content: 'may', xattrs: capability },
      { path: 'i', content: 'noted at length', xattrs: note(100) },
      { path: 'j', type: 'fifo' },
      { path: 'k', content: 'pair', links: 2 },
      { path: 'l', content: 'pair', links: 2, hardLinkTo: 'k' },
      { path: 'm', ...group },
      { path: 'n', ...group, hardLinkTo: 'm' },
      { path: 'o', ...group, hardLinkTo: 'm' },
      { path: 'p\xc3\xa9', content: 'not in ASCII' },
      { path: 'q\xe0\x80\x80', content: 'not in UTF-8' },
      { path: 'r\xff', content: 'neither' },
      { path: 's is the longest', content: 'long' },
      { path: 't|', content: 'a sign' },
      { path: 'u.', content: 'a sign as well' },
    ])
    const lines = trees.samples(kit.manifest(entries))
    const wanted = ['b', 'd', 'f', 'g', 'h', 'j', 'p\xc3\xa9', 'q\xe0\x80\x80', 't|']
    wanted.push('i', 'm', 's is the longest')
    assert.equal(
      lines,
      wanted.map((path) => formatManifestLine(find(entries, path))),
    )
    const plain = kit.manifest(entries.slice(0, 2))
    assert.equal(trees.samples(plain), [formatManifestLine(find(entries, 'a'))])
  })

  test('finds lines in a long manifest', () => {
    const paths = Array.from({ length: 3000 }, (_, i) => `${i}-${'long'.repeat(i % 60)}`)
    const entries = kit.entries([
      { path: '.', type: 'dir' },
      ...paths.map((path) => ({ path, type: 'link' as const, link: path })),
    ])
    const manifest = kit.manifest(entries)
    for (let i = 0; i < paths.length; i += 97) {
      const entry = find(entries, paths[i] as string)
      assert.is(trees.findLine(manifest, entry.path), formatManifestLine(entry))
      assert.is(trees.findLine(manifest, `${entry.path}!`), undefined)
    }
  })

  test('finds lines by their digest', () => {
    const seeds = Array.from({ length: 20 }, (_, i) => ({ path: `copy-${i}`, content: 'copied' }))
    const entries = kit.entries([...kit.nasty(), ...seeds])
    const index = trees.openDigests(kit.manifest(entries))
    const found = (content: string) => trees.findDigest(index, kit.digest(content))
    const lines = (...paths: string[]) =>
      paths.map((path) => formatManifestLine(find(entries, path)))
    assert.equal(found('twice'), lines('same', 'same-again'))
    assert.equal(found('three names'), lines('hard-1'))
    assert.equal(found(''), lines('empty'))
    assert.equal(found('nobody has this'), [])
    const copies = entries.filter(({ path }) => path.startsWith('copy-')).map(({ path }) => path)
    assert.equal(found('copied'), lines(...copies.slice(0, 16)))
    trees.closeDigests(index)
  })

  test('finds lines by their digest among those that are new, wanted, or several', () => {
    const entries = kit.entries([...kit.nasty(), { path: 'copy', content: 'twice' }])
    const [moved, copied] = kit.entries([
      { path: 'moved', content: 'content of a-b' },
      { path: 'copied', content: 'twice' },
    ]) as [Planted, Planted]
    const manifest = kit.manifest(entries)
    const target = kit.manifest(changed(entries, moved, copied))
    const look = (fd: Fd, options: Parameters<Trees['openDigests']>[1], content: string) => {
      const index = trees.openDigests(fd, options)
      const lines = trees.findDigest(index, kit.digest(content))
      trees.closeDigests(index)
      return lines.map((line) => parseManifestLine(line).path)
    }
    const added = { without: manifest }
    assert.equal(look(target, added, 'twice'), ['copied'])
    assert.equal(look(target, added, 'content of a-b'), ['moved'])
    assert.equal(look(target, added, 'three names'), [])
    const wanted = { wantedBy: target }
    assert.equal(look(manifest, wanted, 'twice'), ['copy', 'same', 'same-again'])
    assert.equal(look(manifest, wanted, 'content of a-b'), ['a-b'])
    const several = { repeated: true }
    assert.equal(look(manifest, several, 'twice'), ['copy', 'same', 'same-again'])
    assert.equal(look(target, several, 'content of a-b'), ['a-b', 'moved'])
    assert.equal(look(manifest, several, 'three names'), [], 'one file of three names')
  })

  test.run()
}
