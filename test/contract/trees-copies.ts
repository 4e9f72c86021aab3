/**
 * What native:trees promises about files whose content is in the live tree with other metadata: they are
 * copied, and the live tree stays as it was. Runs in Node and in QuickJS.
 */

import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { changed, find, type Planted, reasons, type TreeKit } from './tree-kit.ts'

export function copiesContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: copies`)
  const { host } = kit.kit
  const later = { seconds: 1_800_000_000, nanoseconds: 1 }

  /** The nasty tree as a target in which these paths have other metadata. */
  function prepared(paths: string[], change: Partial<Planted>) {
    const live = kit.plant(kit.nasty())
    const changes = paths.map((path) => ({ ...find(live.entries, path), ...change }))
    return { live, target: changed(live.entries, ...changes), root: kit.kit.fresh() }
  }

  test('a file with new metadata is copied, as an inode of its own', () => {
    const paths = ['a/x', 'a-b', 'secret', 'set-uid', 'with-xattrs']
    for (const change of [{ modified: later }, { mode: 0o4751 }, { mode: 0o200 }]) {
      const { live, target, root } = prepared(paths, change)
      const before = kit.snapshot(live.root)
      const result = kit.reconcile(target, root, kit.live(live))
      assert.equal(result.undone, [])
      assert.is(result.copied, paths.length)
      const bytes = paths.reduce((sum, path) => sum + find(target, path).size, 0)
      assert.is(result.copiedBytes, bytes)
      for (const path of paths) {
        assert.is(kit.kit.stat(root, path).links, 1)
        assert.is.not(kit.kit.stat(root, path).identity, kit.kit.stat(live.root, path).identity)
      }
      host.trees.finishDirectories(kit.manifest(target), root)
      assert.equal(kit.verify(target, root, kit.live(live), { full: true }).failures, [])
      assert.equal(kit.snapshot(live.root), before)
      const again = kit.reconcile(target, root, kit.live(live))
      assert.equal([again.kept, again.copied], [target.length, 0])
    }
  })

  test('an inode that would get too many names is copied, and its group stays one', () => {
    const names = Array.from({ length: 501 }, (_, index) => `name-${index + 100}`)
    const [first = '', ...others] = names
    const group = { content: 'of many names', links: names.length }
    const live = kit.plant(
      kit.entries([
        { path: '.', type: 'dir' },
        { path: first, ...group },
        ...others.map((path) => ({ path, ...group, hardLinkTo: first })),
      ]),
    )
    const root = kit.kit.fresh()
    const dry = kit.reconcile(live.entries, undefined, kit.live(live), { dryRun: true })
    const result = kit.reconcile(live.entries, root, kit.live(live))
    for (const { copied, copiedBytes, linked, undone } of [dry, result]) {
      assert.equal([copied, copiedBytes, linked, undone], [1, group.content.length, 0, []])
    }
    host.trees.finishDirectories(kit.manifest(live.entries), root)
    assert.equal(kit.verify(live.entries, root, kit.live(live), { full: true }).failures, [])
    assert.is(kit.kit.stat(root, first).links, names.length)
    assert.is(kit.kit.stat(live.root, first).links, names.length)
  })

  test('owners and extended attributes are those of the new line', () => {
    if (!kit.kit.isRoot) return
    const { live, target, root } = prepared(['a.c', 'set-uid'], {
      uid: 7,
      gid: 4_000_000_000,
      mode: 0o6755,
      xattrs: kit.kit.someXattrs(kit.kit.fresh()),
    })
    assert.is(kit.reconcile(target, root, kit.live(live)).copied, 2)
    host.trees.finishDirectories(kit.manifest(target), root)
    assert.equal(kit.verify(target, root, undefined, { full: true }).failures, [])
    const stripped = changed(target, { ...find(target, 'a.c'), xattrs: [] })
    const next = kit.kit.fresh()
    assert.is(kit.reconcile(stripped, next, kit.live({ root, entries: target })).copied, 1)
    host.trees.finishDirectories(kit.manifest(stripped), next)
    assert.equal(kit.verify(stripped, next, undefined, { full: true }).failures, [])
  })

  test('the later names of a copied file are linked to the copy', () => {
    const names = ['hard-1', 'names/hard-2', 'z-hard-3']
    const { live, target, root } = prepared(names, { modified: later })
    for (const dryRun of [true, false]) {
      const result = kit.reconcile(target, root, kit.live(live), { dryRun })
      assert.equal([result.copied, result.undone.length, result.undoneFiles], [1, 0, 0])
    }
    for (const path of names) {
      assert.is(kit.kit.stat(root, path).identity, kit.kit.stat(root, 'hard-1').identity)
      assert.equal(kit.kit.stat(root, path).modified, later)
    }
    assert.equal(find(live.entries, 'hard-1').modified, kit.kit.stat(live.root, 'hard-1').modified)
  })

  test('a live file that is not as its own line says is not copied', () => {
    const { live, target, root } = prepared(['a-b', 'a.c', 'same', 'old'], { mode: 0o640 })
    const { files } = host
    files.setMetadata(live.root, 'a-b', { ...find(live.entries, 'a-b'), modified: later })
    kit.replace(live.root, find(live.entries, 'old'), 'longer than it was')
    files.removeFile(live.root, 'same')
    files.makeLink('same-again', live.root, 'same')
    for (const dryRun of [true, false]) {
      const result = kit.reconcile(target, root, kit.live(live), { dryRun })
      assert.equal([result.copied, result.undoneFiles], [1, 3])
      if (!dryRun)
        assert.equal(
          reasons(result.undone),
          ['a-b', 'old', 'same'].map((p) => `${p} changed`),
        )
    }
    assert.is(kit.kit.stat(root, 'a.c').mode, 0o640)
  })

  test('other content, or none, is not copied', () => {
    const { live, target, root } = prepared(['empty'], { modified: later })
    const [other] = kit.entries([
      { path: 'a-b', content: find(target, 'a-b').content.toUpperCase() },
    ])
    const result = kit.reconcile(changed(target, other as Planted), root, kit.live(live))
    assert.equal(reasons(result.undone), ['a-b changed', 'empty changed'])
    assert.equal([result.copied, result.copiedBytes], [0, 0])
  })

  test('a dry run counts copies, and touches nothing', () => {
    const { live, target } = prepared(['a-b', 'a/x'], { modified: later })
    const tree = kit.plant(kit.entries([{ path: '.', type: 'dir' }, { path: 'a' }]))
    const before = [kit.snapshot(live.root), kit.snapshot(tree.root)]
    for (const root of [tree.root, undefined]) {
      const result = kit.reconcile(target, root, kit.live(live), { dryRun: true })
      assert.is(result.copied, 2)
      assert.is(result.copiedBytes, find(target, 'a-b').size + find(target, 'a/x').size)
      assert.is(result.undoneFiles, 0)
    }
    assert.equal([kit.snapshot(live.root), kit.snapshot(tree.root)], before)
  })

  test('a step ends after some copied content', () => {
    const content = new Uint8Array(9 * 1024 * 1024).fill(7)
    const seeds = ['1', '2', '3', '4', '5'].map((path) => ({ path }))
    const live = kit.plant(kit.entries([{ path: '.', type: 'dir' }]))
    for (const entry of kit.entries(seeds)) {
      kit.kit.put(live.root, entry.path, content)
      host.files.setMetadata(live.root, entry.path, entry)
      live.entries.push({ ...entry, size: content.length })
    }
    const target = live.entries.map((entry) => ({ ...entry, modified: later }))
    const { trees } = host
    const job = trees.openReconcile({
      manifest: kit.manifest(target),
      tree: kit.kit.fresh(),
      live: kit.live(live),
      dryRun: false,
    })
    assert.is(trees.reconcile(job, 100).copied, 2)
    assert.is(trees.reconcile(job, 100).copied, 4)
    const last = trees.reconcile(job, 100)
    assert.equal([last.copied, last.done], [5, true])
    trees.closeReconcile(job)
  })

  test.run()
}
