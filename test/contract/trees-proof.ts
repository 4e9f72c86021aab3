/**
 * What native:trees promises of a proof: what was looked at and found right is not looked at again, and
 * nothing else is spared. Runs in Node and in QuickJS.
 */
import type { LiveTree, Proof } from 'native:trees'
import * as assert from 'uvu/assert'
import type { Fd, Path } from '../../src/host.ts'
import { formatManifestLine } from '../../src/release/manifest-line.ts'
import { suite } from '../support/suite.ts'
import { changed, find, type Planted, reasons, type TreeKit } from './tree-kit.ts'

export function proofContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: proof`)
  const { files, trees } = kit.kit.host
  const later = { seconds: 1_800_000_000, nanoseconds: 1 }

  /** A tree that was built from a live one, with its proof. */
  function built(target?: (live: Planted[]) => Planted[]) {
    const planted = kit.plant(kit.nasty())
    const live = kit.live(planted)
    const entries = target?.(planted.entries) ?? planted.entries
    const root = kit.kit.fresh()
    const proof = trees.openProof(root)
    const step = kit.reconcile(entries, root, live, { proof })
    return { live, entries, root, proof, step }
  }

  const finish = (entries: Planted[], root: Fd, proof?: Proof) =>
    trees.finishDirectories(kit.manifest(entries), root, undefined, proof)

  /** The paths that `verify` finds wrong. */
  const wrong = (entries: Planted[], root: Fd, live?: LiveTree, proof?: Proof): Path[] =>
    kit.verify(entries, root, live, { proof }).failures.map(({ path }) => path)

  const touch = (root: Fd, entry: Planted) =>
    files.setMetadata(root, entry.path, { ...entry, modified: later })

  /** A new file with the content of an entry, settled in its place. `mode`: as it came. */
  function settled(proof: Proof, entries: Planted[], path: Path, mode = 0o644): void {
    const entry = find(entries, path)
    const partial = kit.kit.fresh()
    kit.kit.put(partial, 'arriving', entry.content, mode)
    const fd = files.openRead(partial, 'arriving')
    const number = entries.indexOf(entry) + 1
    trees.settle(proof, { number, line: formatManifestLine(entry) }, fd, partial, 'arriving')
    files.close(fd)
    assert.equal(files.readDirectory(partial, '.'), [])
  }

  test('what was linked from the live tree was looked at, and is not looked at again', () => {
    const { live, entries, root, proof } = built()
    finish(entries, root, proof)
    assert.equal(kit.verify(entries, root, live, { proof }).doubtful, false)
    assert.equal(wrong(entries, root, live, proof), [])
    touch(root, find(entries, 'a-b'))
    touch(root, find(entries, 'names'))
    assert.equal(wrong(entries, root, live), ['a-b', 'names'])
    assert.equal(wrong(entries, root, live, proof), [])
  })

  test('what was edited in the live tree is neither linked nor proved', () => {
    const planted = kit.plant(kit.nasty())
    const root = kit.kit.fresh()
    const proof = trees.openProof(root)
    touch(planted.root, find(planted.entries, 'a-b'))
    const step = kit.reconcile(planted.entries, root, kit.live(planted), { proof })
    assert.equal(reasons(step.undone), ['a-b edited'])
    assert.is(files.stat(root, 'a-b'), undefined)
    kit.replace(root, find(planted.entries, 'a-b'), 'CONTENT OF A-B')
    finish(planted.entries, root, proof)
    assert.equal(wrong(planted.entries, root, kit.live(planted), proof), ['a-b'])
  })

  test('what was copied or made, names of hard links, and whatever came otherwise is looked at', () => {
    const { live, entries, root, proof, step } = built((all) =>
      changed(all, { ...find(all, 'a.c'), modified: later }),
    )
    assert.is(step.copied, 1)
    finish(entries, root, proof)
    for (const path of ['a.c', 'bin', 'fifo', 'z-hard-3']) {
      const entry = find(entries, path)
      files.setMetadata(root, path, { ...entry, modified: { seconds: 1, nanoseconds: 0 } })
      assert.ok(wrong(entries, root, live, proof).includes(path), path)
      files.setMetadata(root, path, entry)
    }
    assert.equal(wrong(entries, root, live, proof), [])
    kit.replace(root, find(entries, 'a.c'), 'CONTENT OF A.C')
    assert.equal(wrong(entries, root, live, proof), ['a.c'])
  })

  test('a file that was hashed while it came gets its metadata and its place, and is not read again', () => {
    const { live, entries, root, proof } = built()
    const plain = ['a-b', 'set-uid', 'secret', 'with-xattrs', 'empty', 'a/x']
    for (const path of plain) settled(proof, entries, path)
    finish(entries, root, proof)
    assert.equal(kit.verify(entries, root, live, { full: true }).failures, [])
    assert.is(kit.verify(entries, root, live, { proof }).bytes, 0)
    assert.is(kit.kit.stat(root, 'a-b').links, 1)
    touch(root, find(entries, 'a-b'))
    assert.equal(wrong(entries, root, live), ['a-b'])
    assert.equal(wrong(entries, root, live, proof), [])
  })

  test('a file that came with another mode than the ones before it has its own in the end', () => {
    const paths = ['a-b', 'secret', 'empty']
    const { entries, root, proof } = built((live) =>
      live.map((entry) => (paths.includes(entry.path) ? { ...entry, mode: 0o600 } : entry)),
    )
    settled(proof, entries, 'a-b', 0o600)
    settled(proof, entries, 'secret', 0o640)
    settled(proof, entries, 'empty', 0o600)
    for (const path of paths) assert.is(kit.kit.stat(root, path).mode, 0o600)
    finish(entries, root, proof)
    assert.equal(
      wrong(entries, root).filter((path) => paths.includes(path)),
      [],
    )
  })

  test('the first name of a hard link that came is looked at with the others', () => {
    const { entries, root, proof } = built()
    for (const path of ['names/hard-2', 'z-hard-3']) files.removeFile(root, path)
    settled(proof, entries, 'hard-1')
    finish(entries, root, proof)
    const found = kit.verify(entries, root, undefined, { proof }).failures
    assert.equal(
      found.filter(({ what }) => what !== 'time').map(({ path, what }) => `${path} ${what}`),
      ['hard-1 nlink', 'names/hard-2 missing', 'z-hard-3 missing'],
    )
  })

  test('a file that is kept is proved only where it is the inode of the live tree', () => {
    const { live, entries, root } = built()
    finish(entries, root)
    kit.replace(root, find(entries, 'a-b'), 'CONTENT OF A-B')
    finish(entries, root)
    const proof = trees.openProof(root)
    const dry = kit.reconcile(entries, root, live, { dryRun: true, proof })
    assert.is(dry.kept, entries.length)
    assert.equal(wrong(entries, root, live, proof), ['a-b'])
    touch(root, find(entries, 'a.c'))
    assert.equal(wrong(entries, root, live, proof), ['a-b'], 'a dry run has looked at it')
    assert.is(kit.reconcile(entries, root, live, { proof }).kept, entries.length)
    assert.is(kit.reconcile(entries, root, live).kept, entries.length - 1)
  })

  test('an unproved name of a proved inode makes the proof doubtful, and is found without it', () => {
    const { live, entries, root } = built()
    finish(entries, root)
    files.removeFile(root, 'set-uid')
    files.hardLink(root, 'a-b', root, 'set-uid')
    const proof = trees.openProof(root)
    const only = kit.entries([{ path: '.', type: 'dir' }, { path: 'a-b' }])
    kit.reconcile(only, root, live, { proof })
    // In the manifest of two the number of a-b is 2, which in the other one is the directory before it.
    const step = kit.verify(entries, root, live, { proof })
    assert.equal([step.done, step.doubtful], [true, true])
    const { failures } = kit.verify(entries, root, live)
    assert.ok(failures.some(({ path, what }) => path === 'set-uid' && what === 'inode'))
  })

  test('no two entries of one inode are proved', () => {
    const planted = kit.plant(kit.nasty())
    files.removeFile(planted.root, 'same-again')
    files.hardLink(planted.root, 'same', planted.root, 'same-again')
    const root = kit.kit.fresh()
    const proof = trees.openProof(root)
    const live = kit.live(planted)
    assert.is(kit.reconcile(planted.entries, root, live, { proof }).copied, 1)
    files.removeFile(root, 'same-again')
    const second = kit.reconcile(planted.entries, root, live, { proof })
    assert.equal([second.copied, second.linked], [1, 0], 'the proof knows it as well')
    assert.is.not(kit.kit.stat(root, 'same-again').identity, kit.kit.stat(root, 'same').identity)
  })

  test('a plan without a look takes the live tree to be as its manifest says', () => {
    const planted = kit.plant(kit.nasty())
    const live = kit.live(planted)
    const right = kit.reconcile(planted.entries, undefined, live, { dryRun: true })
    touch(planted.root, find(planted.entries, 'a-b'))
    files.removeFile(planted.root, 'a.c')
    const seen = kit.reconcile(planted.entries, undefined, live, { dryRun: true })
    assert.is(seen.undoneFiles, 2)
    const unseen = kit.reconcile(planted.entries, undefined, live, { dryRun: true, unseen: true })
    assert.equal(unseen, right)
    const { size } = find(planted.entries, 'a-b')
    assert.is(unseen.linkedBytes - seen.linkedBytes, size + find(planted.entries, 'a.c').size)
    const blind = { manifest: live.manifest, tree: planted.root, live }
    assert.throws(() => trees.openReconcile({ ...blind, dryRun: false, unseen: true }), /look/)
  })

  test('who checks in full relies on no proof', () => {
    const { live, entries, root, proof } = built()
    const all = { manifest: kit.manifest(entries), tree: root, live, full: true }
    assert.throws(() => trees.openVerify({ ...all, proof }), /in full/)
    trees.closeProof(proof)
  })

  test.run()
}
