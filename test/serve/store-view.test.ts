/** What a laptop's store shows to others: what it proved, and nothing that is its own. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Lookup } from '../../src/serve/offering.ts'
import { isSettled, offerStore } from '../../src/serve/store-view.ts'
import type { Store } from '../../src/store/store.ts'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { smallImage } from '../support/image.ts'
import { withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { copyOfStore, waitingStore } from '../support/stores.ts'
import { test } from '../support/suite.ts'

const publisher = new Publisher()
/** As `link` of the images is made. */
const LINK = {
  mode: 0o777,
  uid: 0,
  gid: 0,
  modified: { seconds: 1_700_000_000, nanoseconds: 0 },
  xattrs: [],
}
/** 1 runs, and 2 waits. */
let waiting: string

test.before(async () => {
  waiting = await waitingStore(publisher)
})

/** Looks at what a store shows now. */
function shown<Result>(store: Store, use: (lookup: Lookup) => Result, settled?: boolean): Result {
  const { files } = store.host
  const offering = offerStore(store, () => settled ?? isSettled(store), undefined)
  const [module] = offering.modules()
  const view = module?.open()
  if (!view) throw new Error('no module')
  try {
    return use(new Lookup(files, view))
  } finally {
    view.close()
  }
}

/** All names, each once, from the top. */
function names(lookup: Lookup, name = '.'): string[] {
  const found = lookup.find(name)
  if (!found) return []
  const below = found.stat.type === 'dir' ? lookup.below(found) : []
  return [name, ...below.flatMap((one) => names(lookup, one))]
}

const all = (store: Store) => shown(store, (lookup) => names(lookup))
const has = (store: Store, name: string) =>
  shown(store, (lookup) => lookup.find(name) !== undefined)

function inCopy(use: (store: Store) => void): Promise<void> {
  return withStore(copyOfStore(waiting), async (store) => {
    for (const tree of ['fakeroot', 'upgraded-root']) {
      // Copying leaves the times of links out.
      store.host.files.setMetadata(store.directory, `${tree}/root/link`, LINK)
    }
    use(store)
  })
}

test('the running version and the waiting one are there whole, with the newer one as the latest', () =>
  inCopy((store) => {
    const found = all(store)
    for (const version of [1, 2]) {
      for (const path of smallImage(version).keys()) {
        const name = path === '.' ? `${version}/root` : `${version}/root/${path}`
        assert.ok(found.includes(name), name)
      }
      const { statement } = store.tree(version === 1 ? 'fakeroot' : 'upgraded-root') ?? {}
      const release = shown(store, (lookup) => lookup.find(`${version}/release`))
      assert.is(release?.stat.size, statement?.length)
    }
    const latest = shown(store, (lookup) => lookup.find('latest')?.content)
    assert.equal(latest, store.tree('upgraded-root')?.statement)
  }))

test('nothing else of the store is: no record, no lock, no kept folder, no tree that ran before or is being made', () =>
  inCopy((store) => {
    for (const name of ['persist', 'overlay', 'staging', 'previous-root', 'ssh']) {
      mkdirSync(join(store.path, name, 'root'), { recursive: true })
      writeFileSync(join(store.path, name, 'release'), 'private')
    }
    const top = shown(store, (lookup) => {
      const root = lookup.find('.')
      return root && lookup.below(root)
    })
    assert.equal(top, ['1', '2', 'latest'])
    for (const name of ['state', 'persist', 'overlay', 'lock', 'fakeroot', 'staging/release']) {
      assert.not(has(store, name), name)
    }
  }))

test('what was edited, made or put in place of a folder here is not there; the rest beside it is', () =>
  inCopy((store) => {
    const root = join(store.path, 'fakeroot', 'root')
    const before = all(store)
    appendFileSync(join(root, 'etc/release'), 'edited')
    writeFileSync(join(root, 'etc/own'), 'made here')
    mkdirSync(join(root, 'home-made/deep'), { recursive: true })
    writeFileSync(join(root, 'home-made/deep/diary'), 'private')
    const after = all(store)
    assert.equal(
      before.filter((name) => !after.includes(name)),
      ['1/root/etc/release'],
    )
    assert.equal(
      after.filter((name) => !before.includes(name)),
      [],
    )
    // The waiting tree has a copy of its own.
    assert.ok(has(store, '2/root/etc/release'))
    rmSync(join(root, 'etc'), { recursive: true })
    symlinkSync('/etc', join(root, 'etc'))
    for (const name of ['1/root/etc', '1/root/etc/release', '1/root/etc/passwd']) {
      assert.not(has(store, name), name)
    }
  }))

test('a mode or a time of its own hides a file, too', () =>
  inCopy((store) => {
    const file = join(store.path, 'fakeroot/root/etc/release')
    chmodSync(file, 0o600)
    assert.not(has(store, '1/root/etc/release'))
    chmodSync(file, 0o644)
    assert.ok(has(store, '1/root/etc/release'))
    utimesSync(file, 1, 1)
    assert.not(has(store, '1/root/etc/release'))
  }))

test('a version on trial is nobody else’s until it is confirmed; a swap is seen by the next connection', () =>
  inCopy((store) => {
    swap(store)
    assert.equal(
      all(store).filter((name) => !name.includes('/')),
      ['.'],
    )
    confirm(store)
    const top = all(store).filter((name) => !name.includes('/'))
    assert.equal(top, ['.', '2', 'latest'])
  }))

test('a tree whose manifest is not the signed one is left out, and the other one is shown', () =>
  inCopy((store) => {
    appendFileSync(join(store.path, 'upgraded-root/manifest'), '# altered\n')
    assert.not(has(store, '2/release'))
    assert.ok(has(store, '1/release'))
    writeFileSync(join(store.path, 'fakeroot/release'), 'no statement')
    assert.equal(all(store), ['.'])
  }))

test('an empty store shows an empty module', () =>
  inCopy((store) => {
    rmSync(join(store.path, 'fakeroot'), { recursive: true })
    rmSync(join(store.path, 'upgraded-root'), { recursive: true })
    assert.equal(all(store), ['.'])
  }))

test('keys that were followed are handed on, byte for byte', () =>
  inCopy((store) => {
    writeFileSync(join(store.path, 'keys'), 'a chain')
    shown(store, (lookup) => {
      const found = lookup.find('keys')
      if (!found) throw new Error('no keys')
      const fd = lookup.open(found)
      const buffer = new Uint8Array(7)
      store.host.files.read(fd, buffer, 0, 7)
      store.host.files.close(fd)
      assert.is(Buffer.from(buffer).toString(), readFileSync(join(store.path, 'keys'), 'utf8'))
    })
  }))

test('a pack that is kept is there if it is whole and listed, and not while it is still coming', () =>
  inCopy((store) => {
    const list = { from: 1, to: 2, size: 5, digest: 'a'.repeat(64), changedBytes: 9 }
    const tree = store.tree.bind(store)
    store.tree = (name) => {
      const found = tree(name)
      if (name === 'upgraded-root' && found) found.release.packs = [list]
      return found
    }
    mkdirSync(join(store.path, 'packs'))
    const pack = join(store.path, 'packs/1-2')
    for (const [content, shows] of [
      ['four', false],
      ['whole', true],
      ['longer', false],
    ] as const) {
      writeFileSync(pack, content)
      writeFileSync(join(store.path, 'packs/0-2'), content)
      assert.is(has(store, 'deltas/1-2'), shows, content)
      assert.not(has(store, 'deltas/0-2'), 'no list names it')
      assert.not(has(store, 'deltas/steps'))
    }
  }))

test.run()
