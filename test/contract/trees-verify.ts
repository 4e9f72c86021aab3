/** What native:trees promises of verify, extras and finishDirectories. */
import type { Failure } from 'native:trees'
import * as assert from 'uvu/assert'
import type { Fd, Xattr } from '../../src/host.ts'
import { encodeBase64 } from '../../src/release/base64.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { fails } from './kit.ts'
import { changed, find, hex, type Planted, type TreeKit } from './tree-kit.ts'

export function verifyContract(name: string, kit: TreeKit): void {
  keywordsContract(name, kit)
  contentContract(name, kit)
  extrasContract(name, kit)
}

const texts = (xattrs: Xattr[]) =>
  xattrs.map(({ name, value }) => `${name}:${encodeBase64(value)}`).join(',')

function keywordsContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: verify`)
  const { files } = kit.kit.host

  /** Plants the nasty tree, spoils it, and returns what verify says. */
  const spoiled = (spoil: (root: Fd, entries: Planted[]) => void): Failure[] => {
    const { root, entries } = kit.plant(kit.nasty())
    spoil(root, entries)
    kit.kit.host.trees.finishDirectories(kit.manifest(entries), root)
    return kit.verify(entries, root).failures
  }
  const finds = (failure: Failure, spoil: (root: Fd, entry: Planted) => void): void => {
    const failures = spoiled((root, entries) => spoil(root, find(entries, failure.path)))
    assert.equal(failures, [failure])
  }

  test('a right tree has no failures', () => {
    assert.equal(
      spoiled(() => {}),
      [],
    )
  })

  test('mode', () => {
    finds({ path: 'set-uid', what: 'mode', found: '0755', expected: '6755' }, (root, entry) =>
      files.setMetadata(root, 'set-uid', { ...entry, mode: 0o755 }),
    )
  })

  test('uid and gid', () => {
    if (!kit.kit.isRoot) return
    const expected = '4000000000'
    finds({ path: 'owned', what: 'uid', found: '0', expected }, (root, entry) =>
      files.setMetadata(root, 'owned', { ...entry, uid: 0 }),
    )
    finds({ path: 'owned', what: 'gid', found: '8', expected: '7' }, (root, entry) =>
      files.setMetadata(root, 'owned', { ...entry, gid: 8 }),
    )
  })

  test('time, down to the nanosecond and before 1970', () => {
    const [found, expected] = ['1700000000.123456788', '1700000000.123456789']
    finds({ path: 'a-b', what: 'time', found, expected }, (root, entry) => {
      const modified = { ...entry.modified, nanoseconds: 123_456_788 }
      files.setMetadata(root, 'a-b', { ...entry, modified })
    })
    const old = {
      path: 'old',
      what: 'time',
      found: '5.000000001',
      expected: '-5.000000001',
    } as const
    finds(old, (root, entry) =>
      files.setMetadata(root, 'old', { ...entry, modified: { seconds: 5, nanoseconds: 1 } }),
    )
  })

  test('size', () => {
    finds({ path: 'empty', what: 'size', found: '1', expected: '0' }, (root, entry) =>
      kit.replace(root, entry, 'x'),
    )
  })

  test('content of the right size', () => {
    const [found, expected] = [kit.digest('CONTENT OF A-B'), kit.digest('content of a-b')]
    finds({ path: 'a-b', what: 'sha256digest', found, expected }, (root, entry) =>
      kit.replace(root, entry, 'CONTENT OF A-B'),
    )
  })

  test('link', () => {
    finds(
      { path: 'bin', what: 'link', found: 'usr/bi\xff', expected: 'usr/bin' },
      (root, entry) => {
        files.removeFile(root, 'bin')
        files.makeLink('usr/bi\xff', root, 'bin')
        files.setMetadata(root, 'bin', entry)
      },
    )
  })

  test('device', () => {
    if (!kit.kit.isRoot) return
    const [found, expected] = ['native,1,5', 'native,1,3']
    finds({ path: 'null', what: 'device', found, expected }, (root, entry) => {
      files.removeFile(root, 'null')
      files.makeNode(root, 'null', 'char', 1, 5)
      files.setMetadata(root, 'null', entry)
    })
  })

  test('extended attributes: missing, changed, extra', () => {
    const xattrs = kit.kit.someXattrs(kit.kit.fresh())
    if (xattrs.length === 0) return
    const some = xattrs.slice(0, -1)
    const other = { name: 'user.some', value: arrayOfBytes('other') }
    const [all, fewer] = [texts(xattrs), texts(some)]
    finds({ path: 'with-xattrs', what: 'xattr', found: fewer, expected: all }, (root, entry) =>
      files.setMetadata(root, 'with-xattrs', { ...entry, xattrs: some }),
    )
    const found = texts([...some, other])
    finds({ path: 'with-xattrs', what: 'xattr', found, expected: all }, (root, entry) =>
      files.setMetadata(root, 'with-xattrs', { ...entry, xattrs: [...some, other] }),
    )
    finds({ path: 'a-b', what: 'xattr', found: texts([other]), expected: '' }, (root, entry) =>
      files.setMetadata(root, 'a-b', { ...entry, xattrs: [other] }),
    )
  })

  test('missing, and other types', () => {
    finds({ path: 'fifo', what: 'missing', found: '', expected: 'fifo' }, (root) =>
      files.removeFile(root, 'fifo'),
    )
    finds({ path: 'same', what: 'type', found: 'link', expected: 'file' }, (root) => {
      files.removeFile(root, 'same')
      files.makeLink('same-again', root, 'same')
    })
    finds({ path: 'fifo', what: 'type', found: 'dir', expected: 'fifo' }, (root) => {
      files.removeFile(root, 'fifo')
      files.makeDirectory(root, 'fifo', 0o755)
    })
  })

  test('what stands below a directory that is a link now is not looked at through the link', () => {
    const { root, entries } = kit.plant(kit.nasty())
    files.rename(root, 'a', root, 'moved')
    files.makeLink('moved', root, 'a')
    const { failures } = kit.verify(entries, root)
    assert.equal(
      failures.filter(({ path }) => path !== '.'),
      [
        { path: 'a', what: 'type', found: 'link', expected: 'dir' },
        { path: 'a/x', what: 'missing', found: '', expected: 'file' },
      ],
    )
  })

  test('a hard link that is none, and files that share what they should not', () => {
    const alone = spoiled((root, entries) => kit.replace(root, find(entries, 'z-hard-3')))
    assert.equal(alone, [
      { path: 'hard-1', what: 'nlink', found: '2', expected: '3' },
      { path: 'names/hard-2', what: 'nlink', found: '2', expected: '3' },
      { path: 'z-hard-3', what: 'nlink', found: '1', expected: '3' },
      { path: 'z-hard-3', what: 'inode', found: 'z-hard-3', expected: 'hard-1' },
    ])
    const shared = spoiled((root) => {
      files.removeFile(root, 'same-again')
      files.hardLink(root, 'same', root, 'same-again')
    })
    assert.equal(shared, [
      { path: 'same-again', what: 'inode', found: 'same', expected: 'same-again' },
    ])
  })

  test.run()
}

function contentContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: verified content`)

  const bytesOf = (entries: Planted[]) =>
    entries.reduce((sum, { size, hardLinkTo }) => sum + (hardLinkTo === undefined ? size : 0), 0)

  test('a later name that is another hard link’s, with the same content and metadata', () => {
    const group = { links: 2, content: 'two names' }
    const { root, entries } = kit.plant(
      kit.entries([
        { path: '.', type: 'dir' },
        { path: 'a-1', ...group },
        { path: 'a-2', ...group, hardLinkTo: 'a-1' },
        { path: 'b-1', ...group },
        { path: 'b-2', ...group, hardLinkTo: 'b-1' },
      ]),
    )
    const { files, trees } = kit.kit.host
    files.removeFile(root, 'b-2')
    files.hardLink(root, 'a-1', root, 'b-2')
    trees.finishDirectories(kit.manifest(entries), root)
    assert.equal(kit.verify(entries, root, undefined, { full: true }).failures, [
      { path: 'b-1', what: 'nlink', found: '1', expected: '2' },
      { path: 'b-2', what: 'inode', found: 'a-1', expected: 'b-1' },
    ])
  })

  test('reads all content but what the live tree shares under the same line', () => {
    const live = kit.plant(kit.nasty())
    const root = kit.kit.fresh()
    kit.reconcile(live.entries, root, kit.live(live))
    kit.kit.host.trees.finishDirectories(kit.manifest(live.entries), root)
    const whole = bytesOf(live.entries)
    assert.equal(kit.verify(live.entries, root, kit.live(live)).bytes, 0)
    assert.equal(kit.verify(live.entries, root, kit.live(live), { full: true }).bytes, whole)
    assert.equal(kit.verify(live.entries, root).bytes, whole)
    assert.equal(kit.verify(live.entries, root).entries, live.entries.length)
    const entry = find(live.entries, 'a-b')
    kit.replace(root, entry)
    kit.kit.host.trees.finishDirectories(kit.manifest(live.entries), root)
    const result = kit.verify(live.entries, root, kit.live(live))
    assert.equal([result.bytes, result.failures], [entry.size, []])
  })

  test('an equal inode under another line is read', () => {
    const live = kit.plant(kit.nasty())
    const root = kit.kit.fresh()
    kit.reconcile(live.entries, root, kit.live(live))
    kit.kit.host.trees.finishDirectories(kit.manifest(live.entries), root)
    const entry = find(live.entries, 'a-b')
    const digest = kit.digest('something else')
    const target = changed(live.entries, { ...entry, digest })
    const { failures } = kit.verify(target, root, kit.live(live))
    const found = kit.digest(entry.content)
    assert.equal(failures, [{ path: 'a-b', what: 'sha256digest', found, expected: digest }])
  })

  test('steps stay small', () => {
    const big = new Uint8Array(9 * 1024 * 1024)
    const digest = hex(kit.kit.host.checksums.hash('sha256', big))
    const root = kit.kit.fresh()
    const paths = ['1', '2', '3', '4']
    const planted = kit.entries([{ path: '.', type: 'dir' }, ...paths.map((path) => ({ path }))])
    const entries = planted.map((entry) => {
      return entry.type === 'dir' ? entry : { ...entry, size: big.length, digest }
    })
    kit.kit.put(root, '1', big)
    const { files } = kit.kit.host
    for (const path of paths.slice(1)) files.copyFile(root, '1', root, path)
    for (const entry of [...entries].reverse()) files.setMetadata(root, entry.path, entry)
    const { trees } = kit.kit.host
    const manifest = kit.manifest(entries)
    const job = trees.openVerify({ manifest, tree: root, live: undefined, full: false })
    let before = 0
    let steps = 0
    for (let done = false; !done; steps++) {
      const step = trees.verify(job, 1000)
      assert.ok(step.bytes - before <= 26 * 1024 * 1024, `${step.bytes - before} bytes in a step`)
      assert.equal(step.failures, [])
      before = step.bytes
      done = step.done
    }
    trees.closeVerify(job)
    assert.is(before, bytesOf(entries))
    assert.ok(steps >= 2)
  })

  test.run()
}

function extrasContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: extras`)
  const { files, trees } = kit.kit.host

  const planted = () => {
    const known = kit.nasty()
    const extra = kit.entries([
      { path: 'a/y' },
      { path: 'a-extra', type: 'dir' },
      { path: 'a-extra/below' },
      { path: 'names/\xfe' },
      { path: '!first', type: 'link', link: '/' },
      { path: '~last', type: 'fifo' },
    ])
    const { root } = kit.plant(changed(known, ...extra))
    return { root, known, manifest: kit.manifest(known) }
  }
  const expected = ['!first', 'a-extra', 'a/y', 'names/\xfe', '~last'].sort()

  test('are found, an extra directory once', () => {
    const { root, manifest } = planted()
    const before = kit.snapshot(root)
    assert.equal(trees.extras(manifest, root, { remove: false, pathsMax: 100 }), expected)
    assert.equal(kit.snapshot(root), before)
    const some = trees.extras(manifest, root, { remove: false, pathsMax: 2 })
    assert.is(some.length, 2)
    assert.ok(some.every((path) => expected.includes(path)))
  })

  test('are found where as many entries are missing', () => {
    const { root, known, manifest } = planted()
    trees.extras(manifest, root, { remove: true, pathsMax: 0 })
    files.removeFile(root, 'a-b')
    assert.equal(trees.extras(manifest, root, { remove: false, pathsMax: 9 }), [], 'only missing')
    kit.kit.put(root, 'a-c', 'instead')
    assert.equal(trees.extras(manifest, root, { remove: false, pathsMax: 9 }), ['a-c'])
    for (const { path } of [...known].reverse()) if (path !== '.') files.removeTree(root, path)
    assert.equal(trees.extras(manifest, root, { remove: true, pathsMax: 9 }), ['a-c'])
    assert.equal(trees.extras(manifest, root, { remove: false, pathsMax: 9 }), [])
  })

  test('are all removed, also those that the list lacks', () => {
    const { root, manifest, known } = planted()
    assert.is(trees.extras(manifest, root, { remove: true, pathsMax: 1 }).length, 1)
    assert.equal(trees.extras(manifest, root, { remove: false, pathsMax: 10 }), [])
    trees.finishDirectories(manifest, root)
    assert.equal(kit.verify(known, root).failures, [])
  })

  test('a directory in the place of a file, and a link in the place of a directory', () => {
    const { root, entries } = kit.plant(kit.nasty())
    files.removeFile(root, 'a-b')
    files.makeDirectory(root, 'a-b', 0o755)
    kit.kit.put(root, 'a-b/inside')
    files.removeTree(root, 'names')
    files.makeLink('/', root, 'names')
    const manifest = kit.manifest(entries)
    assert.equal(trees.extras(manifest, root, { remove: true, pathsMax: 9 }), ['a-b/inside'])
    assert.ok(files.stat(root, 'names'))
  })

  test('a directory that is missing, or something else, can not be finished', () => {
    const entries = kit.entries([
      { path: '.', type: 'dir' },
      { path: 'd', type: 'dir', mode: 0o700 },
    ])
    const tree = kit.kit.fresh()
    const finish = () => trees.finishDirectories(kit.manifest(entries), tree)
    fails('ENOENT', finish, 'd')
    kit.kit.put(tree, 'd', 'a file', 0o600)
    fails('ENOTDIR', finish, 'd')
    assert.is(kit.kit.stat(tree, 'd').mode, 0o600)
  })

  test('finished directories have the metadata of their lines', () => {
    const { root, entries } = kit.plant(kit.nasty())
    for (const path of ['.', 'a', 'names']) {
      const wrong = { mode: 0o711, modified: { seconds: 9, nanoseconds: 9 } }
      files.setMetadata(root, path, { ...find(entries, path), ...wrong })
    }
    trees.finishDirectories(kit.manifest(entries), root)
    for (const path of ['.', 'a', 'names']) {
      const { mode, modified } = kit.kit.stat(root, path)
      const entry = find(entries, path)
      assert.equal({ mode, modified }, { mode: entry.mode, modified: entry.modified })
    }
  })

  test.run()
}
