/** Names of the wire, looked up in what is offered: beneath, and nowhere else. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { files } from '../../native/files/files.node.ts'
import {
  clamped,
  Lookup,
  type OfferedModule,
  type OfferedPlace,
  type OfferedView,
  type Offering,
} from '../../src/serve/offering.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

function makeTree(): string {
  const root = scratch('offering')
  mkdirSync(join(root, 'fakeroot/root/bin'), { recursive: true })
  writeFileSync(join(root, 'fakeroot/root/bin/sh'), 'shell')
  writeFileSync(join(root, 'fakeroot/release'), 'release of 42')
  writeFileSync(join(root, 'secret'), 'of the owner')
  symlinkSync('../../secret', join(root, 'fakeroot/root/way-out'))
  symlinkSync('..', join(root, 'fakeroot/root/up'))
  return root
}

function viewOf(root: string, withheld?: OfferedView['withheld']): OfferedView {
  const directory = files.openRoot(root)
  const places: OfferedPlace[] = [
    { at: 'latest', content: new Uint8Array([52, 50]), modifiedSeconds: 1_700_000_000 },
    { at: '42/release', directory, path: 'fakeroot/release' },
    { at: '42/root', directory, path: 'fakeroot/root' },
  ]
  return { places, ...(withheld && { withheld }), close: () => files.close(directory) }
}

function withLookup(withheld: OfferedView['withheld'], use: (lookup: Lookup) => void): void {
  const module: OfferedModule = {
    name: 'xo',
    comment: '',
    open: () => viewOf(makeTree(), withheld),
  }
  const offering: Offering = { modules: () => [module] }
  const [offered = module] = offering.modules()
  const view = offered.open()
  try {
    use(new Lookup(files, view))
  } finally {
    view.close()
  }
}

test('places are found by their names on the wire, and folders above them are made up', () => {
  withLookup(undefined, (lookup) => {
    const root = lookup.find('.')
    assert.is(root?.stat.type, 'dir')
    assert.equal(root && lookup.below(root), ['42', 'latest'])
    const version = lookup.find('42')
    assert.equal(version && lookup.below(version), ['42/release', '42/root'])
    const tree = lookup.find('42/root')
    assert.equal(tree && lookup.below(tree), ['42/root/bin', '42/root/up', '42/root/way-out'])
    assert.is(lookup.find('42/root/bin/sh')?.disk?.path, 'fakeroot/root/bin/sh')
    assert.is(lookup.find('42/release')?.stat.size, 13)
    const latest = lookup.find('latest')
    assert.equal(latest?.content, new Uint8Array([52, 50]))
    assert.is(latest?.stat.modified.seconds, 1_700_000_000)
    assert.is(root?.stat.modified.seconds, 1_700_000_000)
  })
})

test('what no place names is not there', () => {
  withLookup(undefined, (lookup) => {
    for (const name of ['secret', 'fakeroot', '41', '42/manifest', 'latest/x', '42/release/x']) {
      assert.is(lookup.find(name), undefined, name)
    }
    assert.is(lookup.find('x'.repeat(5000)), undefined)
  })
})

test('no link leads on, in the middle or at the end', () => {
  withLookup(undefined, (lookup) => {
    assert.is(lookup.find('42/root/way-out')?.stat.type, 'link')
    for (const name of ['42/root/up/release', '42/root/up/root/bin/sh', '42/root/way-out/x']) {
      assert.is(lookup.find(name), undefined, name)
    }
    const link = lookup.find('42/root/way-out')
    assert.throws(() => link && lookup.open(link), /ELOOP/)
  })
})

test('what is withheld is not there, nor is anything below it', () => {
  withLookup(
    (path) => path === '42/root/bin',
    (lookup) => {
      assert.is(lookup.find('42/root/bin'), undefined)
      assert.is(lookup.find('42/root/bin/sh'), undefined)
      assert.is(lookup.find('42/root/up')?.stat.type, 'link')
    },
  )
})

test('a path of a client stays inside, as on a stock daemon', () => {
  assert.is(clamped(''), '.')
  assert.is(clamped('/'), '.')
  assert.is(clamped('..//../42/./root/'), '42/root')
  assert.is(clamped('42/../../secret'), 'secret')
  assert.is(clamped('a/..'), '.')
})

test.run()
