/** What native:trees promises of a comparison: which entries are still as their manifest has them. */
import type { Comparison } from 'native:trees'
import * as assert from 'uvu/assert'
import type { Fd, Path } from '../../src/host.ts'
import { suite } from '../support/suite.ts'
import { find, type Planted, type TreeKit } from './tree-kit.ts'

export function comparisonContract(name: string, kit: TreeKit): void {
  const test = suite(`${name}: comparison`)
  const { files, trees } = kit.kit.host

  const compared = (root: Fd, entries: Planted[], use: (comparison: Comparison) => void) => {
    const comparison = trees.openComparison({ live: kit.live({ root, entries }) })
    use(comparison)
    trees.closeComparison(comparison)
  }

  /** The entries of a spoiled tree that are no longer as they were. */
  const changedBy = (spoil: (root: Fd, entries: Planted[]) => void): Path[] => {
    const { root, entries } = kit.plant(kit.nasty())
    const changed: Path[] = []
    spoil(root, entries)
    compared(root, entries, (comparison) => {
      for (const { path } of entries) if (!trees.isUnchanged(comparison, path)) changed.push(path)
    })
    return changed
  }

  test('all of a whole tree is unchanged, in any order, and as often as it is asked', () => {
    const { root, entries } = kit.plant(kit.nasty())
    const paths = entries.map(({ path }) => path)
    const shuffled = [...paths].sort((one, other) => (one.length % 5) - (other.length % 5))
    compared(root, entries, (comparison) => {
      for (const path of [...paths, ...[...paths].reverse(), ...shuffled]) {
        assert.ok(trees.isUnchanged(comparison, path), path)
        assert.ok(trees.isUnchanged(comparison, path), path)
      }
    })
  })

  test('what the manifest lacks is no part of it, wherever it is asked for', () => {
    const { root, entries } = kit.plant(kit.nasty())
    kit.kit.put(root, 'a/own', 'made here')
    kit.kit.put(root, 'zz', 'made here')
    compared(root, entries, (comparison) => {
      for (const path of ['', 'a/own', 'zz', '!', 'none', 'a/', 'a/x/y', './a', '~', 'a/own']) {
        assert.not(trees.isUnchanged(comparison, path), path)
        assert.ok(trees.isUnchanged(comparison, 'a/x'))
      }
    })
  })

  test('content of another length, time, mode, text of a link, attributes and type are edits', () => {
    const changed = changedBy((root, entries) => {
      const { modified } = find(entries, 'same')
      kit.replace(root, find(entries, 'a-b'), 'longer than before')
      files.setMetadata(root, 'same', {
        ...find(entries, 'same'),
        modified: { ...modified, nanoseconds: modified.nanoseconds + 1 },
      })
      files.setMetadata(root, 'set-uid', { ...find(entries, 'set-uid'), mode: 0o755 })
      files.removeTree(root, 'bin')
      files.makeLink('elsewhere', root, 'bin')
      files.setMetadata(root, 'bin', find(entries, 'bin'))
      files.removeTree(root, 'empty')
      files.makeDirectory(root, 'empty', 0o644)
      files.removeTree(root, 'old')
    })
    assert.equal(changed, ['a-b', 'bin', 'empty', 'old', 'same', 'set-uid'])
  })

  test('a folder is what it was, whatever was made in it; what is not a folder any more has nothing below it', () => {
    assert.equal(
      changedBy((root) => {
        kit.kit.put(root, 'names/own', 'made here')
        files.removeTree(root, 'a')
        files.makeLink('names', root, 'a')
      }),
      ['a', 'a/x'],
    )
  })

  test('a folder that takes the place of another while it is compared is looked at', () => {
    const { root, entries } = kit.plant(kit.nasty())
    compared(root, entries, (comparison) => {
      assert.ok(trees.isUnchanged(comparison, 'a/x'))
      files.rename(root, 'a', root, 'away')
      files.makeDirectory(root, 'a', 0o700)
      kit.kit.put(root, 'a/x', 'a secret')
      assert.not(trees.isUnchanged(comparison, 'a/x'))
    })
  })

  test('in a long manifest, by leaps and step by step', () => {
    const paths = Array.from({ length: 600 }, (_, i) => `${i}-${'long'.repeat(i % 60)}`)
    const entries = kit.entries([
      { path: '.', type: 'dir' },
      ...paths.map((path) => ({ path, type: 'link' as const, link: 'x' })),
    ])
    const { root } = kit.plant(entries)
    compared(root, entries, (comparison) => {
      for (let i = 0; i < entries.length; i++) {
        const { path } = entries[(i * 37) % entries.length] as Planted
        assert.ok(trees.isUnchanged(comparison, path), path)
        assert.not(trees.isUnchanged(comparison, `${path}!`), `${path}!`)
        const { path: next } = entries[i] as Planted
        assert.ok(trees.isUnchanged(comparison, next), next)
      }
    })
  })

  test.run()
}
