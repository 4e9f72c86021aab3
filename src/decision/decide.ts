/**
 * What a laptop does next: facts, what home said and the operator's policy in; stay, upgrade or
 * lock out, and why. Pure and total: no disk, no clock, no network, and an answer for everything.
 * It proves nothing: whatever it picks still has to pass `admit`.
 */
import { type HourWindow, isWithin } from '../hours.ts'
import type { State } from '../store/state.ts'

export interface RoundFacts {
  /** The versions in `fakeroot` and `upgraded-root`; undefined: no tree there. */
  running: number | undefined
  waiting: number | undefined
  /** From the state record. */
  trial: number | undefined
  bad: readonly number[]
  /** What the home server said last; undefined: it never did. */
  home: State['home']
  /** Why the laptop may not start (`lockVerdict`). */
  locked: string | undefined
  /** Names of the files in `inhibit.d`. */
  inhibitors: readonly string[]
  onBattery: boolean
  idle: boolean
  /** The minute of the day, by the laptop's own clock. */
  minute: number
}

export interface UpgradePolicy {
  /** No upgrade at all, until the operator takes it away. */
  hold: boolean
  /** Only ever this version, whatever home says. */
  pinned: number | undefined
  /** A lower version may be asked for. */
  allowDowngrade: boolean
  /** Go on without mains power. */
  onBattery: boolean
  hours: HourWindow | undefined
  /** URLs in the order to try them. */
  sources: readonly string[]
}

/** `reason` is a sentence. */
export type Decision =
  /** `postponed`: the reason passes by itself, without the home server. */
  | { act: 'stay'; postponed: boolean; reason: string }
  /** `version` undefined: the newest that a source has. */
  | {
      act: 'upgrade'
      version: number | undefined
      downgrade: boolean
      sources: string[]
      reason: string
    }
  | { act: 'lock out'; reason: string }

export function decide(facts: RoundFacts, policy: UpgradePolicy): Decision {
  const { home, locked } = facts
  if (home?.stolen) return { act: 'lock out', reason: 'This laptop was reported stolen.' }
  if (locked !== undefined) return { act: 'lock out', reason: locked }
  const settled = whyNever(facts, policy) ?? whyNotThis(facts, policy)
  if (settled !== undefined) return { act: 'stay', postponed: false, reason: settled }
  const reason = whyNotNow(facts, policy)
  if (reason !== undefined) return { act: 'stay', postponed: true, reason }
  return upgradeTo(facts, policy)
}

/** The operator's pin, before what home wants, before the newest. */
function wanted({ home }: RoundFacts, { pinned }: UpgradePolicy): number | undefined {
  return pinned ?? home?.version
}

function whyNever(
  { running, trial }: RoundFacts,
  { hold, sources }: UpgradePolicy,
): string | undefined {
  if (running === undefined) return 'No system is installed: there is nothing to upgrade.'
  if (hold) return `The configuration holds this laptop at version ${running}.`
  // A new tree is built from the previous one, which is the way back until the trial is over.
  if (trial === running) return `Version ${trial} is on trial: nothing is changed before its end.`
  if (sources.length === 0) return 'No source is known.'
  return undefined
}

function whyNotThis(facts: RoundFacts, policy: UpgradePolicy): string | undefined {
  const { running = 0, waiting, bad } = facts
  const version = wanted(facts, policy)
  if (version === undefined) return undefined
  const by = policy.pinned === undefined ? 'the home server wants' : 'the configuration pins'
  if (version === running) return `Version ${version} runs, as ${by} it.`
  if (version === waiting) return `Version ${version} waits for the next start.`
  if (bad.includes(version)) {
    return `Version ${version}, which ${by}, never became healthy here before.`
  }
  if (version < running && !policy.allowDowngrade) {
    return `Version ${version}, which ${by}, is older than ${running}, and a downgrade is not allowed.`
  }
  return undefined
}

/** Reasons that pass by themselves. An urgent upgrade waits only for what somebody put there on purpose. */
function whyNotNow(facts: RoundFacts, { onBattery, hours }: UpgradePolicy): string | undefined {
  const { inhibitors, home, minute } = facts
  const [first] = inhibitors
  if (first !== undefined) return `The file "${first}" in inhibit.d holds upgrades back.`
  if (home?.priority === 'urgent') return undefined
  if (facts.onBattery && !onBattery) return 'The laptop runs on its battery.'
  if (hours && !isWithin(minute, hours)) {
    return `It is ${clock(minute)}, and upgrades are made from ${clock(hours.from)} to ${clock(hours.to)}.`
  }
  if (home?.priority === 'low' && !facts.idle) {
    return 'The upgrade is of low priority, and the laptop is busy.'
  }
  return undefined
}

function upgradeTo(facts: RoundFacts, policy: UpgradePolicy): Decision {
  const { running = 0 } = facts
  const version = wanted(facts, policy)
  const downgrade = version !== undefined && version < running
  const target = version === undefined ? 'The newest version' : `Version ${version}`
  const by =
    policy.pinned !== undefined ? 'pinned' : version === undefined ? 'looked for' : 'wanted'
  const urgent = facts.home?.priority === 'urgent' ? ', urgently' : ''
  const reason = `${target} is ${by}${urgent}; version ${running} runs.`
  return { act: 'upgrade', version, downgrade, sources: [...policy.sources], reason }
}

function clock(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
