/**
 * What an early boot does next: facts in, plan out. The whole decision is made here, without a look
 * at disk, clock or network, so that the same facts give the same plan whatever a power cut left.
 * An act that changes the store is followed by fresh facts and another plan (`settle.ts`).
 */

import type { StartFault } from '../store/start-check.ts'
import type { Intent } from '../store/state.ts'
import type { TreeName } from '../store/store.ts'

/** What is found under the name of a tree. */
export interface FoundTree {
  /** Undefined if its release can't be read; then there is a fault. */
  version: number | undefined
  fault: StartFault | undefined
}

export interface BootFacts {
  /** `fakeroot`, `upgraded-root` and `previous-root`; undefined if nothing has that name. */
  running: FoundTree | undefined
  waiting: FoundTree | undefined
  previous: FoundTree | undefined
  /** From the state record. */
  intent: Intent | undefined
  trial: number | undefined
  confirmed: number | undefined
  boots: number
  bad: readonly number[]
  /** How many boots a tree has to become healthy; 0: no limit. */
  bootsMax: number
  /** Words of the kernel's command line, or what somebody chose in the menu. */
  words: { boot: 'previous' | undefined; recover: string | undefined }
  /** Why this laptop may not start at all: stolen, or its lease is over. */
  locked: string | undefined
  /** The store can be written, including the record of this very start. */
  writable: boolean
  /** Trees have changed their names since power-on. */
  moved: boolean
  /** A recovery was tried since power-on, with whatever outcome. */
  recoveryTried: boolean
}

/** `reason` is a sentence for the console. */
export type BootPlan =
  | { act: 'locked'; reason: string }
  | { act: 'finish'; intent: Intent; reason: string }
  | { act: 'swap'; version: number; reason: string }
  /** `bad`: the version to be remembered as bad. */
  | { act: 'roll-back'; version: number; bad: number | undefined; reason: string }
  | { act: 'recover'; reason: string }
  /** `tree` is not `fakeroot` only where names can't change, because of the disk or of the versions. */
  | { act: 'boot'; tree: TreeName; version: number; trial: boolean; reason: string }

export function planBoot(facts: BootFacts): BootPlan {
  const { locked, intent, writable, words } = facts
  if (locked !== undefined) return { act: 'locked', reason: locked }
  if (intent && writable) {
    const { verb, source, target } = intent
    return { act: 'finish', intent, reason: `A ${verb} from ${source} to ${target} was cut short.` }
  }
  if (words.recover !== undefined && !facts.recoveryTried) {
    return { act: 'recover', reason: 'A recovery was asked for.' }
  }
  if (!writable) return startAsItStands(facts)
  if (words.boot === 'previous' && !facts.moved) {
    const newer = (facts.running?.version ?? 0) > (facts.previous?.version ?? 0)
    const bad = newer ? facts.running?.version : undefined
    const asked = rollBackPlan(facts, 'The previous version was asked for.', bad)
    if (asked) return asked
  }
  const version = startable(facts.running)
  if (version === undefined) return replace(facts)
  return facts.trial === version ? tryOut(facts, version) : keepOrSwap(facts, version)
}

/** The tree that should run can't: take the one before it, which was healthy once, or else the one that waits. */
function replace(facts: BootFacts): BootPlan {
  const { running, waiting, previous, recoveryTried } = facts
  const reason = running?.fault
    ? `Version ${running.version ?? 'unknown'} can't start: ${running.fault.text}.`
    : 'There is no system in its place.'
  // What is merely damaged is worth fetching again; what was published that way is not.
  const unfit = running?.fault?.kind === 'unfit' && facts.trial === running.version
  const bad = unfit ? running?.version : undefined
  const back = rollBackPlan(facts, reason, bad)
  if (back) return back
  const next = startable(waiting)
  if (next !== undefined && !facts.bad.includes(next)) return { act: 'swap', version: next, reason }
  if (!recoveryTried) return { act: 'recover', reason }
  // A system that never became healthy is better than none, and so is one that doesn't look like a system.
  const before = startable(previous)
  if (before !== undefined && before !== running?.version) {
    return { act: 'roll-back', version: before, bad: undefined, reason }
  }
  if (next !== undefined) return { act: 'swap', version: next, reason }
  if (running?.fault?.kind === 'unfit' && running.version !== undefined) {
    return boot(facts, 'fakeroot', running.version, reason)
  }
  // The same version, and so no way back by that name: but the tree that was mended is better than none.
  if (before !== undefined) return boot(facts, 'previous-root', before, reason)
  return { act: 'recover', reason }
}

/** The running tree is on trial. What waits has to keep waiting: a swap would throw away the way back. */
function tryOut(facts: BootFacts, version: number): BootPlan {
  const { boots, bootsMax } = facts
  const number = boots + 1
  if (bootsMax === 0 || boots < bootsMax) {
    const of = bootsMax === 0 ? '' : ` of ${bootsMax}`
    return boot(facts, 'fakeroot', version, `Version ${version} is on trial: boot ${number}${of}.`)
  }
  const reason = `Version ${version} was started ${boots} times and never became healthy.`
  const back = rollBackPlan(facts, reason, version)
  if (back) return back
  if (!facts.recoveryTried && boots % bootsMax === 0) return { act: 'recover', reason }
  return boot(facts, 'fakeroot', version, `${reason} There is no other.`)
}

/**
 * The running tree is a settled one. Boots count against it only if it was confirmed once: for a
 * system that never confirms they mean nothing. First it is checked and mended; after as many boots
 * again, it is given up.
 */
function keepOrSwap(facts: BootFacts, version: number): BootPlan {
  const { waiting, confirmed, boots, bootsMax, recoveryTried, words, moved } = facts
  const next = startable(waiting)
  // Who asked for the previous version sees that one now; what waits has its turn at the next start.
  const wasAskedFor = words.boot === 'previous' && moved
  if (next !== undefined && !facts.bad.includes(next) && !wasAskedFor) {
    return { act: 'swap', version: next, reason: `Version ${next} waits for its first start.` }
  }
  const isDue = bootsMax > 0 && boots >= bootsMax && boots % bootsMax === 0
  if (confirmed === version && isDue && !recoveryTried) {
    const reason = `Version ${version} did not become healthy in its last ${boots} boots.`
    const back = boots >= 2 * bootsMax ? rollBackPlan(facts, reason, undefined) : undefined
    return back ?? { act: 'recover', reason }
  }
  return boot(facts, 'fakeroot', version, `Version ${version}.`)
}

/**
 * A store that can't be written: the best tree is started under whatever name it has. One on trial
 * comes after the one before it, because its boots can't be counted and the trial might never end.
 */
function startAsItStands(facts: BootFacts): BootPlan {
  const { trial, bootsMax, words } = facts
  const running: [TreeName, FoundTree | undefined] = ['fakeroot', facts.running]
  const previous: [TreeName, FoundTree | undefined] = ['previous-root', facts.previous]
  const waiting: [TreeName, FoundTree | undefined] = ['upgraded-root', facts.waiting]
  const isTrial = bootsMax > 0 && trial !== undefined && trial === facts.running?.version
  const first = words.boot === 'previous' || isTrial ? [previous, running] : [running, previous]
  const whole = [...first, waiting].flatMap(([tree, found]) => {
    const version = startable(found)
    return version === undefined ? [] : [{ tree, version }]
  })
  const best = whole.find(({ version }) => !facts.bad.includes(version)) ?? whole[0]
  if (!best)
    return { act: 'recover', reason: 'No system can start, and the disk cannot be written to.' }
  const reason = `Version ${best.version}, from a disk that cannot be written to.`
  return boot(facts, best.tree, best.version, reason)
}

/** The way back, if there is one that was healthy once. */
function rollBackPlan(
  facts: BootFacts,
  reason: string,
  bad: number | undefined,
): BootPlan | undefined {
  const version = startable(facts.previous)
  if (version === undefined || version === facts.running?.version) return undefined
  if (facts.bad.includes(version)) return undefined
  return { act: 'roll-back', version, bad, reason }
}

function boot(facts: BootFacts, tree: TreeName, version: number, reason: string): BootPlan {
  const trial = tree === 'fakeroot' && facts.trial === version
  return { act: 'boot', tree, version, trial, reason }
}

/** Its version, if it looks as if it could start. */
function startable(tree: FoundTree | undefined): number | undefined {
  return tree?.fault ? undefined : tree?.version
}
