/**
 * Faults other than power: each call of native:files fails once, with each error that the kernel may give
 * for it. (EINTR is not among them: the native side retries it.) The command must succeed all the same or
 * end with an error of a known class; either way the machine then boots a whole tree, and the command
 * succeeds when it is run again.
 */

import { type Code, systemError } from '../../runtime/emulator/disk/system-error.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { isSystemError, UpgradeError } from '../../src/errors.ts'
import type { Files } from '../../src/host.ts'
import { checkBooted, checkEnd, Refuted, type Verdicts } from './boot.ts'
import { VirtualDevice, type World } from './device.ts'
import type { Scenario } from './scenarios.ts'

const OPEN: Code[] = ['EIO', 'EMFILE', 'ENFILE', 'ENOMEM']
const MAKE: Code[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'ENOMEM']
const REMOVE: Code[] = ['EIO', 'EROFS', 'EBUSY', 'ENOMEM']

const ERRORS: Record<keyof Files, Code[]> = {
  openRoot: OPEN,
  openFile: OPEN,
  openDirectory: OPEN,
  openRead: OPEN,
  createFile: [...MAKE, 'EMFILE', 'ENFILE'],
  openAppend: [...MAKE, 'EMFILE', 'ENFILE'],
  close: ['EIO', 'ENOSPC', 'EDQUOT'],
  stat: ['EIO', 'ENOMEM'],
  statHandle: ['EIO', 'ENOMEM'],
  readDirectory: OPEN,
  readLink: ['EIO', 'ENOMEM'],
  readXattrs: ['EIO', 'ENOMEM'],
  makeDirectory: MAKE,
  makeLink: MAKE,
  makeNode: [...MAKE, 'EPERM'],
  hardLink: [...MAKE, 'EMLINK', 'EPERM', 'EXDEV'],
  copyFile: [...MAKE, 'EMFILE'],
  setMetadata: [...MAKE, 'EPERM', 'EOPNOTSUPP'],
  rename: MAKE,
  exchange: [...MAKE, 'EINVAL', 'ENOSYS'],
  isMount: OPEN,
  detachMount: ['EPERM'],
  clearFlags: ['EIO', 'ENOMEM'],
  removeFile: REMOVE,
  removeTree: REMOVE,
  read: ['EIO', 'ENOMEM'],
  write: ['EIO', 'ENOSPC', 'EDQUOT', 'EFBIG'],
  sync: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS'],
  syncFileSystem: ['EIO', 'ENOSPC', 'EDQUOT'],
  space: ['EIO', 'ENOMEM'],
  diskTimes: ['EROFS', 'ENOSPC'],
  lock: ['ENOLCK', 'ENOMEM'],
  isTerminal: [],
  terminalWidth: [],
}

/** Fails the call at a place of the whole sequence, once. */
class Injector {
  readonly calls: (keyof Files)[] = []

  constructor(
    readonly place: number,
    readonly code: Code,
  ) {}

  over(files: Files): Files {
    const wrap = (name: keyof Files) => {
      const call = files[name] as (...words: unknown[]) => unknown
      return (...words: unknown[]) => {
        this.calls.push(name)
        if (this.calls.length - 1 !== this.place) return call(...words)
        // A handle is gone whatever close says.
        if (name === 'close') call(...words)
        throw systemError(name, undefined, this.code)
      }
    }
    const names = Object.keys(files) as (keyof Files)[]
    return Object.fromEntries(names.map((name) => [name, wrap(name)])) as Files
  }
}

interface FaultProof {
  /** Calls times errors. */
  possible: number
  faults: number
  /** Runs that succeeded in spite of the fault. */
  survived: number
  failures: string[]
}

/** `share` of all faults, picked by the seed; 1: each. */
export async function proveFaults(
  world: World,
  scenario: Scenario,
  { share, seed }: { share: number; seed: number },
): Promise<FaultProof> {
  const verdicts: Verdicts = new Map()
  const proof: FaultProof = { possible: 0, faults: 0, survived: 0, failures: [] }
  const { calls } = await run(world, scenario, new Injector(-1, 'EIO'))
  const random = new SeededRandom(seed)
  for (const [place, name] of calls.entries()) {
    for (const code of ERRORS[name]) {
      proof.possible++
      if (random.fraction() >= share) continue
      proof.faults++
      const problem = await proveFault(world, scenario, new Injector(place, code), verdicts, proof)
      if (problem) proof.failures.push(`${code} of call ${place}, ${name}: ${problem}`)
    }
  }
  return proof
}

async function run(world: World, scenario: Scenario, injector: Injector) {
  const disk = scenario.start.snapshot()
  const files = (below: Files) => injector.over(world.program.files(below))
  const faulty = { ...world, program: { ...world.program, files } }
  let error: unknown
  try {
    await scenario.act(new VirtualDevice(faulty, disk))
  } catch (thrown) {
    error = thrown
  }
  return { disk, error, calls: injector.calls }
}

async function proveFault(
  world: World,
  scenario: Scenario,
  injector: Injector,
  verdicts: Verdicts,
  proof: FaultProof,
): Promise<string | undefined> {
  const { disk, error } = await run(world, scenario, injector)
  const { again } = scenario
  if (error === undefined) proof.survived++
  else if (again && error instanceof Refuted) proof.survived++
  else if (!(error instanceof UpgradeError) && !isSystemError(error)) {
    return `an error of no known class: ${(error as Error).stack}`
  }
  // The process has ended: nothing is open or locked any more.
  const after = disk.snapshot()
  try {
    if (again) return await proveElsewhere(world, { ...scenario, again }, after, verdicts)
    if (error === undefined) await checkEnd(after, scenario, verdicts)
    const device = new VirtualDevice(world, after)
    await device.withStore((store) => world.program.flow.recover(store))
    await checkBooted(after, scenario, verdicts)
    await scenario.act(new VirtualDevice(world, after))
    await checkEnd(after, scenario, verdicts)
    return undefined
  } catch (failure) {
    const { message, stack } = failure as Error
    return failure instanceof Refuted ? message : (stack ?? message)
  }
}

/** Whole trees, and a start of one of them. */
async function proveElsewhere(
  world: World,
  scenario: Scenario & Required<Pick<Scenario, 'again'>>,
  disk: VirtualDisk,
  verdicts: Verdicts,
): Promise<undefined> {
  const { always: _, ...lenient } = { ...scenario, running: [1, 2] }
  await new VirtualDevice(world, disk).withStore((store) => world.program.flow.recover(store))
  await checkBooted(disk, lenient, verdicts)
  await scenario.again(new VirtualDevice(world, disk))
  await checkBooted(disk, lenient, verdicts)
}
