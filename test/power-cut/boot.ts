/**
 * What must hold whenever the machine starts: the old tree or the new one runs, whole by its manifest;
 * every tree that has a release is whole, because a swap would trust it; and what the state record promises
 * is kept. It looks with the true host over the bare disk.
 */
import { digestOf } from '../../runtime/emulator/disk/digest.ts'
import { ROOT } from '../../runtime/emulator/disk/inodes.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { silent } from '../../src/progress.ts'
import { readState, type State } from '../../src/store/state.ts'
import { Store, type TreeName } from '../../src/store/store.ts'
import { describe, verify } from '../../src/store/verify.ts'
import { nodeHost } from '../support/host.ts'
import { STORE } from './device.ts'
import type { Claim, Scenario } from './scenarios.ts'

/** The proof found a state that must never occur. */
export class Refuted extends Error {
  override name = 'Refuted'
}

function require(holds: boolean, claim: string): void {
  if (!holds) throw new Refuted(claim)
}

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']

/** What was found wrong with a tree, by the digest of everything in it; '' if it is whole. */
export type Verdicts = Map<string, string>

/** After `recover`. */
export async function checkBooted(
  disk: VirtualDisk,
  scenario: Scenario,
  verdicts: Verdicts,
): Promise<void> {
  const store = Store.open(nodeHost(virtualFiles(disk.snapshot())), STORE, true)
  const version = (name: TreeName) => store.tree(name)?.release.version
  for (const name of TREES) await checkTree(disk, store, name, verdicts)
  const running = version('fakeroot')
  require(scenario.running.includes(running), `version ${running} runs`)
  const state = readState(store)
  require(state.intent === undefined, 'an intent is left after recovery')
  const floorMin = Math.max(running ?? 0, version('upgraded-root') ?? 0)
  require(state.floor >= floorMin, `the floor is ${state.floor} where ${floorMin} was verified`)
  const names = store.host.files.readDirectory(store.directory, '.')
  require(!names.includes('previous-root.swap'), 'a tree is left at its aside name')
  claim(scenario.always, state, running)
  // A swap or a roll-back may be cut anywhere, but the tree that is not running is kept.
  if (!scenario.name.startsWith('roll back')) return
  const kept = version('previous-root')
  const other = scenario.running.find((each) => each !== running)
  require(kept === other, `version ${kept} is kept as the way back, not ${other}`)
}

/** After a cut that comes after the last operation: what was done stays done. */
export function checkKept(disk: VirtualDisk, scenario: Scenario): void {
  const store = Store.open(nodeHost(virtualFiles(disk.snapshot())), STORE, false)
  claim(scenario.kept, readState(store), store.tree('fakeroot')?.release.version)
}

function claim(claimed: Claim | undefined, state: State, running: number | undefined): void {
  const wrong = claimed?.(state, running)
  if (wrong !== undefined) throw new Refuted(wrong)
}

/** After the command was run again from the top. */
export async function checkEnd(
  disk: VirtualDisk,
  scenario: Scenario,
  verdicts: Verdicts,
): Promise<void> {
  const { end } = scenario
  await checkBooted(disk, scenario, verdicts)
  const store = Store.open(nodeHost(virtualFiles(disk.snapshot())), STORE, false)
  const running = store.tree('fakeroot')?.release.version
  require(running === end.running, `version ${running} runs in the end, not ${end.running}`)
  const previous = store.tree('previous-root')?.release.version
  require(previous === end.previous, `version ${previous} is the way back, not ${end.previous}`)
  const { floor } = readState(store)
  require(floor === end.floor, `the floor ended at ${floor}, not at ${end.floor}`)
  const names = store.host.files.readDirectory(store.directory, '.')
  const expected = ['fakeroot', 'lock', ...(previous ? ['previous-root'] : []), 'state']
  // What stages another version was there before, and is left to the next upgrade; so is what is
  // remembered of sources. JFFS2 leaves second names: the state's goes with the next record, a
  // directory's is parked until it can go.
  const found = names.filter(
    (name) => !/^(staging|set-aside|state\.new|second-name-.*)$/.test(name),
  )
  require(String(found) === String(expected), `the store holds ${found}, not ${expected}`)
}

async function checkTree(
  disk: VirtualDisk,
  store: Store,
  name: TreeName,
  verdicts: Verdicts,
): Promise<void> {
  const inode = inodeAt(disk, [STORE.slice(1), name])
  const key = inode === undefined ? 'nothing' : digestOf(disk.table, inode, 1)
  let verdict = verdicts.get(key)
  if (verdict === undefined) {
    verdict = await judge(store, name)
    verdicts.set(key, verdict)
  }
  if (verdict !== '') throw new Refuted(`${name}: ${verdict}`)
}

async function judge(store: Store, name: TreeName): Promise<string> {
  const release = store.tree(name)?.release
  if (!release) return ''
  try {
    const { damage } = await verify(store, name, { release, full: true, progress: silent })
    const [first] = damage
    return first
      ? `version ${release.version} has ${damage.length} damages, ${describe(first)}`
      : ''
  } catch (error) {
    return `version ${release.version} can't be verified: ${(error as Error).message}`
  }
}

function inodeAt(disk: VirtualDisk, names: string[]): number | undefined {
  let at: number | undefined = ROOT
  for (const name of names) at = at && disk.table.get(at)?.entries?.get(name)
  return at
}
