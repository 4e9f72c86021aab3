/** Names that a disk which folds case takes for one, found with few of them in memory. */
import * as assert from 'uvu/assert'
import { Twins } from '../../src/staging/twins.ts'
import { bytesOfText } from '../../src/text.ts'
import { test } from '../support/suite.ts'

/** The pairs that are found in these paths, in the order of a manifest. */
function twinsOf(paths: string[]): string[] {
  const twins = new Twins()
  return paths.map(bytesOfText).flatMap((path) => {
    const twin = twins.meet(path)
    return twin === undefined ? [] : [`${twin} ${path}`]
  })
}

test('two names of one folder that differ in case are found', () => {
  assert.equal(twinsOf(['.', 'etc', 'etc/README', 'etc/other', 'etc/readme']), [
    'etc/README etc/readme',
  ])
})

test('they are found with what is below neighbours between them', () => {
  // '-' comes before '/', which comes before letters.
  const paths = ['.', 'A', 'A/B', 'A/B/x', 'A/b-c', 'A/b-c/x', 'A/c', 'A-b', 'A-b/y', 'a']
  assert.equal(twinsOf([...paths, 'a/z']), ['A a'])
  assert.equal(twinsOf(['.', 'a', 'a-b', 'a-b/x', 'a/B', 'a/B/x', 'a/b']), ['a/B a/b'])
})

test('the same name in another folder is none', () => {
  assert.equal(twinsOf(['.', 'a', 'a/README', 'b', 'b/readme', 'readme']), [])
})

test('letters of other alphabets have two cases, too', () => {
  assert.equal(twinsOf(['.', 'ÉTÉ', 'été']).length, 1)
})

test('of a large tree the names of the folders on the way are held', () => {
  const twins = new Twins()
  let most = 0
  for (let folder = 0; folder < 1000; folder++) {
    const name = `f${1000 + folder}`
    twins.meet(name)
    for (let i = 0; i < 50; i++) twins.meet(`${name}/${100 + i}`)
    most = Math.max(most, twins.size)
  }
  assert.is(most, 1050)
})

test.run()
