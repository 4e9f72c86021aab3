/**
 * What every side of native:confinement promises; what the C side gives up is tested in test/sandbox.
 */
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { suite } from '../support/suite.ts'
import { fails, Kit } from './kit.ts'

export function confinementContract(name: string, host: Host, scratch: Path): void {
  const test = suite(name)
  const { confinement, files, processes } = host
  const kit = new Kit(host, scratch)

  test('tells what stands at a path, links followed, and whether it is another now', () => {
    const { root } = kit
    const place = `identity-${Math.random().toString(36).slice(2)}`
    assert.is(confinement.identity(`${scratch}/${place}`), undefined)
    kit.put(root, place)
    const first = confinement.identity(`${scratch}/${place}`)
    assert.type(first, 'string')
    files.makeLink(place, root, `${place}-link`)
    assert.is(confinement.identity(`${scratch}/${place}-link`), first)
    kit.put(root, `${place}-new`)
    files.rename(root, `${place}-new`, root, place)
    assert.is.not(confinement.identity(`${scratch}/${place}`), first)
  })

  test('who does not stand apart starts nothing again', () => {
    fails('ENOSYS', () => processes.startAnew())
  })

  test.run()
}
