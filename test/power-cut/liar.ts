/**
 * A stick whose manifest is not the signed one: the upgrade must end in a TrustError, with the tree,
 * the floor and the names of the store as they were.
 */
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { TrustError } from '../../src/errors.ts'
import { readState } from '../../src/store/state.ts'
import { checkBooted, Refuted } from './boot.ts'
import { VirtualDevice, type World } from './device.ts'
import type { Scenario } from './scenarios.ts'

export async function proveLiar(world: World, scenario: Scenario): Promise<string | undefined> {
  const stick = world.stick.snapshot()
  const files = virtualFiles(stick)
  for (const version of [2, 3]) {
    const fd = files.openAppend(files.openRoot('/'), `${version}/manifest`, 0o644)
    files.write(fd, new Uint8Array([0x23, 0x0a]), 0, 2)
    files.close(fd)
  }
  const disk = scenario.start.snapshot()
  const floorOf = () =>
    new VirtualDevice(world, disk).withStore((store) => ({ floor: readState(store).floor }))
  const { floor } = await floorOf()
  try {
    await scenario.act(new VirtualDevice({ ...world, stick }, disk))
    return 'a false manifest was taken'
  } catch (error) {
    if (!(error instanceof TrustError)) return `not a TrustError: ${error}`
  }
  const { floor: after } = await floorOf()
  if (after !== floor) return `a false manifest raised the floor from ${floor} to ${after}`
  try {
    await checkBooted(disk, { ...scenario, running: scenario.running.slice(0, 1) }, new Map())
  } catch (error) {
    if (error instanceof Refuted) return error.message
    throw error
  }
  return undefined
}
