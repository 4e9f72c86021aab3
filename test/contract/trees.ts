/**
 * What native:trees promises of reconcile; trees-verify.ts and trees-manifest.ts have the rest.
 * Runs in Node and in QuickJS.
 */

import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { formatManifestLine } from '../../src/release/manifest-line.ts'
import { suite } from '../support/suite.ts'
import { Kit } from './kit.ts'
import { changed, find, type Planted, reasons, TreeKit } from './tree-kit.ts'
import { comparisonContract } from './trees-comparison.ts'
import { copiesContract } from './trees-copies.ts'
import { manifestContract } from './trees-manifest.ts'
import { proofContract } from './trees-proof.ts'
import { verifyContract } from './trees-verify.ts'

export function treesContract(name: string, host: Host, scratch: Path): void {
  const trees = new TreeKit(new Kit(host, scratch))
  reconcileContract(name, trees)
  differencesContract(name, trees)
  copiesContract(name, trees)
  verifyContract(name, trees)
  proofContract(name, trees)
  manifestContract(name, trees)
  comparisonContract(name, trees)
}

const isFirst = ({ type, hardLinkTo }: Planted) => type === 'file' && hardLinkTo === undefined

function reconcileContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: reconcile`)
  const { host } = kit.kit

  test('an empty tree gets all that needs no content', () => {
    const entries = kit.nasty()
    const root = kit.kit.fresh()
    const result = kit.reconcile(entries, root)
    const regular = entries.filter(({ type }) => type === 'file')
    assert.equal(
      reasons(result.undone),
      regular.map(
        ({ path, hardLinkTo }) => `${path} ${hardLinkTo === undefined ? 'new' : 'waiting'}`,
      ),
    )
    for (const { line } of result.undone) {
      assert.ok(regular.some((entry) => formatManifestLine(entry) === line))
    }
    assert.is(result.entries, entries.length)
    assert.is(result.linked, 0)
    assert.is(result.kept, 1, 'the root stands there')
    assert.is(result.made, entries.length - regular.length - 1)
    assert.is(result.undoneFiles, entries.filter(isFirst).length)
    const bytes = entries.filter(isFirst).reduce((sum, { size }) => sum + size, 0)
    assert.is(result.undoneBytes, bytes)
    assert.is(kit.kit.stat(root, 'names').mode, 0o700)
    for (const path of ['bin', 'fifo', 'socket']) {
      assert.equal(kit.kit.stat(root, path).modified, find(entries, path).modified)
    }
  })

  test('from a live tree all is linked, then all is kept, and the live tree stays as it was', () => {
    const live = kit.plant(kit.nasty())
    const before = kit.snapshot(live.root)
    const root = kit.kit.fresh()
    const result = kit.reconcile(live.entries, root, kit.live(live))
    assert.equal(result.undone, [])
    const regular = live.entries.filter(({ type }) => type === 'file')
    assert.is(result.linked, live.entries.filter(isFirst).length)
    assert.is(result.made, live.entries.length - result.linked - 1)
    for (const { path, type } of regular) {
      if (type !== 'file') continue
      assert.is(kit.kit.stat(root, path).identity, kit.kit.stat(live.root, path).identity)
    }
    host.trees.finishDirectories(kit.manifest(live.entries), root)
    assert.equal(kit.verify(live.entries, root, undefined, { full: true }).failures, [])
    const again = kit.reconcile(live.entries, root, kit.live(live))
    assert.equal([again.kept, again.made, again.linked], [live.entries.length, 0, 0])
    assert.equal(again.undone, [])
    assert.equal(kit.snapshot(live.root), before)
  })

  test('a later name waits for its first one', () => {
    const entries = kit.nasty()
    const root = kit.kit.fresh()
    kit.reconcile(entries, root)
    kit.make(root, find(entries, 'hard-1'))
    host.files.setMetadata(root, 'hard-1', find(entries, 'hard-1'))
    const result = kit.reconcile(entries, root)
    assert.is(result.made, 2)
    for (const path of ['names/hard-2', 'z-hard-3']) {
      assert.not(reasons(result.undone).includes(`${path} waiting`))
      assert.is(kit.kit.stat(root, path).identity, kit.kit.stat(root, 'hard-1').identity)
    }
  })

  test('a later name that stands alone is linked again', () => {
    const { root, entries } = kit.plant(kit.nasty())
    kit.replace(root, find(entries, 'z-hard-3'))
    const result = kit.reconcile(entries, root)
    assert.equal(result.undone, [])
    assert.is(result.made, 1)
    assert.is(kit.kit.stat(root, 'z-hard-3').identity, kit.kit.stat(root, 'hard-1').identity)
  })

  test('a dry run tells and touches nothing', () => {
    const live = kit.plant(kit.nasty())
    const target = changed(
      live.entries,
      ...kit.entries([{ path: 'a-b', content: 'changed' }, { path: 'new' }]),
    )
    const tree = kit.plant(kit.entries([{ path: '.', type: 'dir' }, { path: 'a' }, { path: 'x' }]))
    const before = [kit.snapshot(live.root), kit.snapshot(tree.root)]
    for (const root of [tree.root, undefined]) {
      const result = kit.reconcile(target, root, kit.live(live), { dryRun: true })
      assert.equal(result.undone, [])
      assert.is(result.undoneFiles, 2)
      assert.is(result.undoneBytes, 'changed'.length + 'content of new'.length)
      assert.is(result.linked, target.filter(isFirst).length - 2)
      assert.is(result.entries, target.length)
    }
    assert.equal([kit.snapshot(live.root), kit.snapshot(tree.root)], before)
  })

  test('wrong types give way, and nothing that a link leads to', () => {
    const entries = kit.nasty()
    const outside = kit.plant(kit.entries([{ path: '.', type: 'dir' }, { path: 'x' }]))
    const before = kit.snapshot(outside.root)
    const wrong = kit.entries([
      { path: '.', type: 'dir' },
      { path: 'a', type: 'link', link: '../..' },
      { path: 'a-b', type: 'dir' },
      { path: 'a-b/deep', type: 'dir' },
      { path: 'a-b/deep/file' },
      { path: 'bin', type: 'dir' },
      { path: 'bin/file' },
      { path: 'fifo' },
      { path: 'names' },
      { path: 'socket', type: 'fifo' },
    ])
    const { root } = kit.plant(wrong)
    const result = kit.reconcile(entries, root)
    assert.is(result.entries, entries.length)
    assert.is(kit.kit.stat(root, 'a').type, 'dir')
    assert.is(host.files.stat(root, 'a-b'), undefined)
    assert.is(host.files.readLink(root, 'bin'), 'usr/bin')
    assert.is(kit.kit.stat(root, 'fifo').type, 'fifo')
    assert.is(kit.kit.stat(root, 'names').type, 'dir')
    assert.is(kit.kit.stat(root, 'socket').type, 'socket')
    assert.equal(kit.snapshot(outside.root), before)
  })

  test.run()
}

function differencesContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: differences`)
  const { host } = kit.kit

  test('lines that differ are told apart from lines that are new', () => {
    const live = kit.plant(kit.nasty())
    const [content, added, first] = kit.entries([
      { path: 'a-b', content: 'other' },
      { path: 'added' },
      { path: 'hard-1', links: 3, content: 'another', mode: 0o4755 },
    ]) as [Planted, Planted, Planted]
    const later = { ...first, hardLinkTo: 'hard-1' }
    const link = { ...find(live.entries, 'bin'), link: 'somewhere/else' }
    const target = changed(
      live.entries,
      content,
      added,
      first,
      link,
      { ...later, path: 'names/hard-2' },
      { ...later, path: 'z-hard-3' },
    )
    const root = kit.kit.fresh()
    const result = kit.reconcile(target, root, kit.live(live))
    assert.equal(reasons(result.undone).sort(), [
      'a-b changed',
      'added new',
      'hard-1 changed',
      'names/hard-2 waiting',
      'z-hard-3 waiting',
    ])
    assert.is(host.files.readLink(root, 'bin'), 'somewhere/else')
    assert.is(host.files.readLink(live.root, 'bin'), 'usr/bin')
  })

  test('what was edited in the live tree is not trusted', () => {
    const live = kit.plant(kit.nasty())
    const { files } = host
    const [x, ac] = [find(live.entries, 'a/x'), find(live.entries, 'a.c')]
    files.setMetadata(live.root, 'a.c', { ...ac, modified: { seconds: 1, nanoseconds: 0 } })
    files.setMetadata(live.root, 'set-uid', { ...find(live.entries, 'set-uid'), mode: 0o755 })
    files.removeFile(live.root, 'a-b')
    files.removeFile(live.root, 'same')
    files.makeLink('same-again', live.root, 'same')
    kit.replace(live.root, find(live.entries, 'old'), 'longer than it was')
    // The directory of a/x is now a link to another one with the very same file.
    files.rename(live.root, 'a', live.root, 'moved')
    files.makeLink('moved', live.root, 'a')
    assert.equal(kit.kit.stat(live.root, 'moved/x').modified, x.modified)
    const result = kit.reconcile(live.entries, kit.kit.fresh(), kit.live(live))
    assert.equal(
      reasons(result.undone).sort(),
      ['a-b', 'a.c', 'a/x', 'old', 'same', 'set-uid'].map((path) => `${path} edited`),
    )
  })

  test('extra extended attributes are an edit', () => {
    const live = kit.plant(kit.nasty())
    const entry = find(live.entries, 'with-xattrs')
    if (entry.xattrs.length === 0) return
    host.files.setMetadata(live.root, 'a-b', { ...find(live.entries, 'a-b'), xattrs: entry.xattrs })
    host.files.setMetadata(live.root, 'with-xattrs', { ...entry, xattrs: entry.xattrs.slice(1) })
    const result = kit.reconcile(live.entries, kit.kit.fresh(), kit.live(live))
    assert.equal(reasons(result.undone).sort(), ['a-b edited', 'with-xattrs edited'])
  })

  test('files that share an inode in the live tree alone are not linked twice, but copied', () => {
    const live = kit.plant(kit.nasty())
    host.files.removeFile(live.root, 'same-again')
    host.files.hardLink(live.root, 'same', live.root, 'same-again')
    const dry = kit.reconcile(live.entries, undefined, kit.live(live), { dryRun: true })
    const root = kit.kit.fresh()
    const result = kit.reconcile(live.entries, root, kit.live(live))
    for (const { undone, copied } of [dry, result]) assert.equal([undone, copied], [[], 1])
    host.trees.finishDirectories(kit.manifest(live.entries), root)
    assert.equal(kit.verify(live.entries, root, kit.live(live)).failures, [])
    const again = kit.reconcile(live.entries, root, kit.live(live))
    assert.is(again.kept, live.entries.length)
  })

  test('files that share an inode in the new tree alone do not both stand', () => {
    const { root, entries } = kit.plant(kit.nasty())
    host.files.removeFile(root, 'same-again')
    host.files.hardLink(root, 'same', root, 'same-again')
    const result = kit.reconcile(entries, root)
    assert.equal(reasons(result.undone), ['same-again new'])
    assert.is(host.files.stat(root, 'same-again'), undefined)
    assert.is(kit.kit.get(root, 'same'), 'twice')
  })

  /** The new content may have the old size and time; then only the inode tells them apart. */
  test("the live tree's own inode does not stand for another line", () => {
    const live = kit.plant(kit.nasty())
    const root = kit.kit.fresh()
    kit.reconcile(live.entries, root, kit.live(live))
    const entry = find(live.entries, 'a-b')
    const [other] = kit.entries([{ path: 'a-b', content: entry.content.toUpperCase() }])
    const target = changed(live.entries, other as Planted)
    const result = kit.reconcile(target, root, kit.live(live))
    assert.equal(reasons(result.undone), ['a-b changed'])
    assert.is(host.files.stat(root, 'a-b'), undefined)
    assert.is(kit.kit.get(live.root, 'a-b'), entry.content)
    kit.replace(root, other as Planted)
    assert.equal(kit.reconcile(target, root, kit.live(live)).undone, [])
  })

  test('what stands there with wrong metadata is made again, as a new inode', () => {
    const live = kit.plant(kit.nasty())
    const root = kit.kit.fresh()
    kit.reconcile(live.entries, root, kit.live(live))
    host.files.setMetadata(root, 'fifo', { ...find(live.entries, 'fifo'), mode: 0o666 })
    const stranger = { ...find(live.entries, 'a.c'), mode: 0o600 }
    kit.replace(root, stranger)
    const result = kit.reconcile(live.entries, root, kit.live(live))
    assert.equal([result.made, result.linked, result.undoneFiles], [1, 1, 0])
    assert.is(kit.kit.stat(root, 'fifo').mode, 0o600)
    assert.is(kit.kit.stat(root, 'a.c').identity, kit.kit.stat(live.root, 'a.c').identity)
  })

  test.run()
}
