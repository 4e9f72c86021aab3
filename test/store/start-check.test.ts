/** Whether a tree can start: how links lead to its init. The damage that a boot meets is in facts.test.ts. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findFault } from '../../src/store/start-check.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath, withStore } from '../support/node-device.ts'
import { Publisher } from '../support/release.ts'
import { suite } from '../support/suite.ts'
import { file, link, type Tree } from '../support/tree.ts'

const test = suite('the links to an init')
const store = newStorePath()
/** As many as Linux follows. */
const LINKS_MAX = 40

/** `links-N` leads to a program over N links; two links lead to each other, and one to itself. */
function linkedImage(): Tree {
  const image = new Map([...smallImage(7), ['links-0', file('starts\n', { mode: 0o755 })] as const])
  for (let count = 1; count <= LINKS_MAX + 1; count++) {
    image.set(`links-${count}`, link(`links-${count - 1}`))
  }
  return image.set('to', link('fro')).set('fro', link('/to')).set('self', link('self'))
}

test.before(async () => {
  const publisher = new Publisher()
  publisher.publish(7, linkedImage())
  await bring('install', store, publisher)
})

const faultOf = (init: string) =>
  withStore(store, (open) =>
    open.withTree('fakeroot', (tree) => findFault(open.host, tree, [init], new Set())),
  )

test('as many are followed as the kernel follows', async () => {
  const root = join(store, 'fakeroot/root')
  assert.ok(statSync(join(root, `links-${LINKS_MAX}`)).isFile())
  assert.is(await faultOf(`/links-${LINKS_MAX}`), undefined)
  assert.throws(() => statSync(join(root, `links-${LINKS_MAX + 1}`)), /ELOOP/)
  assert.equal(await faultOf(`/links-${LINKS_MAX + 1}`), {
    kind: 'unfit',
    text: `it has no /links-${LINKS_MAX + 1}`,
  })
})

test('those that lead in a circle lead to no init', async () => {
  for (const init of ['/to', '/self', '/self/init']) {
    assert.equal(await faultOf(init), { kind: 'unfit', text: `it has no ${init}` })
  }
})

test.run()
