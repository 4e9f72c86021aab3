/**
 * The table of what an early boot does: each row of it by name, and then every combination of facts,
 * whose acts are played until one starts a tree. Whatever the facts, that takes a few acts, and a
 * tree that can start is started.
 */

import * as assert from 'uvu/assert'
import { type BootFacts, type BootPlan, type FoundTree, planBoot } from '../../src/boot/plan.ts'
import type { StartFault } from '../../src/store/start-check.ts'
import { test } from '../support/suite.ts'

const whole = (version: number): FoundTree => ({ version, fault: undefined })
const faulty = (version: number | undefined, kind: StartFault['kind']): FoundTree => ({
  version,
  fault: { kind, text: 'libc.so.6 is not as it was published' },
})

/** 42 runs, confirmed, and 41 ran before. */
const CALM: BootFacts = {
  running: whole(42),
  waiting: undefined,
  previous: whole(41),
  intent: undefined,
  trial: undefined,
  confirmed: 42,
  boots: 0,
  bad: [],
  bootsMax: 3,
  words: { boot: undefined, recover: undefined },
  locked: undefined,
  writable: true,
  moved: false,
  recoveryTried: false,
}

/** What the table says in short: `boot fakeroot 42`, `roll-back 41 bad 42`. */
function short(found: BootPlan): string {
  switch (found.act) {
    case 'boot':
      return `boot ${found.tree} ${found.version}${found.trial ? ' on trial' : ''}`
    case 'swap':
      return `swap ${found.version}`
    case 'roll-back':
      return `roll-back ${found.version}${found.bad === undefined ? '' : ` bad ${found.bad}`}`
    default:
      return found.act
  }
}

const damaged = faulty(42, 'damaged')
const unfit = faulty(42, 'unfit')
const tried = { recoveryTried: true }
const previousAsked = { words: { boot: 'previous' as const, recover: undefined } }
const recoveryAsked = { words: { boot: undefined, recover: 'network' } }
const onTrial = { trial: 42, confirmed: 41 }
const nothing = { running: undefined, previous: undefined }
const readOnly = { writable: false }
const intent = { verb: 'swap' as const, source: 41, target: 42 }

const TABLE: [string, Partial<BootFacts>, string][] = [
  ['all is well', {}, 'boot fakeroot 42'],
  ['there is nothing to go back to', { previous: undefined }, 'boot fakeroot 42'],
  ['stolen', { locked: 'This laptop was reported stolen.' }, 'locked'],
  ['stolen, in the middle of a swap', { locked: 'stolen', intent }, 'locked'],
  ['stolen, and a recovery is asked for', { locked: 'stolen', ...recoveryAsked }, 'locked'],
  ['a swap was cut', { intent }, 'finish'],
  ['a swap was cut, and the tree is gone', { ...nothing, intent }, 'finish'],
  ['a swap was cut on a disk that broke', { intent, ...readOnly }, 'boot fakeroot 42'],

  ['a version waits', { waiting: whole(43) }, 'swap 43'],
  ['the same version waits, mended', { waiting: whole(42) }, 'swap 42'],
  ['an older version waits, by hand', { waiting: whole(40) }, 'swap 40'],
  ['what waits is damaged', { waiting: faulty(43, 'damaged') }, 'boot fakeroot 42'],
  ['what waits holds no system', { waiting: faulty(43, 'unfit') }, 'boot fakeroot 42'],
  ['what waits is not signed', { waiting: faulty(43, 'untrusted') }, 'boot fakeroot 42'],
  ['what waits has no release', { waiting: faulty(undefined, 'damaged') }, 'boot fakeroot 42'],
  ['what waits is known as bad', { waiting: whole(43), bad: [43] }, 'boot fakeroot 42'],
  ['what waits waits for a trial', { waiting: whole(43), ...onTrial }, 'boot fakeroot 42 on trial'],

  ['first boot of a trial', { ...onTrial }, 'boot fakeroot 42 on trial'],
  ['last boot of a trial', { ...onTrial, boots: 2 }, 'boot fakeroot 42 on trial'],
  ['never became healthy', { ...onTrial, boots: 3 }, 'roll-back 41 bad 42'],
  ['a trial of one boot', { ...onTrial, boots: 1, bootsMax: 1 }, 'roll-back 41 bad 42'],
  ['trials do not end', { ...onTrial, boots: 99, bootsMax: 0 }, 'boot fakeroot 42 on trial'],
  ['no way back', { ...onTrial, boots: 3, previous: undefined }, 'recover'],
  [
    'no way back, and recovered at the boot before',
    { ...onTrial, boots: 4, previous: undefined },
    'boot fakeroot 42 on trial',
  ],
  ['no way back, and the other is bad', { ...onTrial, boots: 3, bad: [41] }, 'recover'],
  [
    'no way back, and nothing to recover from',
    { ...onTrial, boots: 3, previous: undefined, ...tried },
    'boot fakeroot 42 on trial',
  ],
  ['a trial of another version is over', { trial: 41, boots: 2 }, 'boot fakeroot 42'],

  ['healthy once, and not now', { boots: 3 }, 'recover'],
  ['checked already', { boots: 3, ...tried }, 'boot fakeroot 42'],
  ['checked at the boot before', { boots: 4 }, 'boot fakeroot 42'],
  ['still not healthy', { boots: 6 }, 'roll-back 41'],
  ['still not healthy, with no way back', { boots: 6, previous: undefined }, 'recover'],
  ['a system that never confirms', { boots: 300, confirmed: undefined }, 'boot fakeroot 42'],
  ['another version did confirm', { boots: 3, confirmed: 41 }, 'boot fakeroot 42'],
  ['boots do not count', { boots: 3, bootsMax: 0 }, 'boot fakeroot 42'],
  ['not healthy, and a version waits', { boots: 3, waiting: whole(43) }, 'swap 43'],

  ['the tree is damaged', { running: damaged }, 'roll-back 41'],
  ['the tree is damaged, on trial', { running: damaged, ...onTrial }, 'roll-back 41'],
  ['the tree on trial holds no system', { running: unfit, ...onTrial }, 'roll-back 41 bad 42'],
  ['a settled tree holds no system', { running: unfit }, 'roll-back 41'],
  ['the tree is not signed', { running: faulty(42, 'untrusted') }, 'roll-back 41'],
  ['its release is damaged', { running: faulty(undefined, 'damaged') }, 'roll-back 41'],
  ['the tree is gone', { running: undefined }, 'roll-back 41'],
  ['damaged, and the other is bad', { running: damaged, bad: [41] }, 'recover'],
  ['damaged, the other bad, tried', { running: damaged, bad: [41], ...tried }, 'roll-back 41'],
  ['damaged, and one waits', { running: damaged, waiting: whole(43) }, 'roll-back 41'],
  ['gone, and one waits', { ...nothing, waiting: whole(43) }, 'swap 43'],
  ['gone, and a bad one waits', { ...nothing, waiting: whole(43), bad: [43] }, 'recover'],
  ['gone, a bad one, tried', { ...nothing, waiting: whole(43), bad: [43], ...tried }, 'swap 43'],
  ['both are damaged', { running: damaged, previous: faulty(41, 'damaged') }, 'recover'],
  ['both are damaged, tried', { running: damaged, previous: damaged, ...tried }, 'recover'],
  ['the one before is what it replaced', { running: damaged, previous: whole(42) }, 'recover'],
  [
    'the one before is what it replaced, and nothing better',
    { running: damaged, previous: whole(42), ...tried },
    'boot previous-root 42',
  ],
  [
    'on trial, damaged, and the one before is of its version',
    { running: damaged, previous: whole(42), ...onTrial, ...tried },
    'boot previous-root 42',
  ],
  ['nothing at all', nothing, 'recover'],
  ['nothing at all, tried', { ...nothing, ...tried }, 'recover'],
  ['no system by our rules', { running: unfit, previous: undefined }, 'recover'],
  [
    'no system by our rules, and nothing better',
    { running: unfit, previous: undefined, ...tried },
    'boot fakeroot 42',
  ],
  [
    'not signed, and nothing better',
    { running: faulty(42, 'untrusted'), previous: undefined, ...tried },
    'recover',
  ],

  ['the one before is asked for', previousAsked, 'roll-back 41 bad 42'],
  ['asked for, done', { ...previousAsked, moved: true }, 'boot fakeroot 42'],
  [
    'asked for, done, and a version waits',
    { ...previousAsked, moved: true, waiting: whole(43) },
    'boot fakeroot 42',
  ],
  ['asked for, of a trial', { ...previousAsked, ...onTrial }, 'roll-back 41 bad 42'],
  ['asked for where it is bad', { ...previousAsked, bad: [41] }, 'boot fakeroot 42'],
  ['asked for where it is newer', { ...previousAsked, previous: whole(44) }, 'roll-back 44'],
  ['asked for where there is none', { ...previousAsked, previous: undefined }, 'boot fakeroot 42'],
  [
    'asked for where it is damaged',
    { ...previousAsked, previous: faulty(41, 'damaged') },
    'boot fakeroot 42',
  ],
  ['a recovery is asked for', recoveryAsked, 'recover'],
  ['a recovery is asked for, and done', { ...recoveryAsked, ...tried }, 'boot fakeroot 42'],

  ['no changes can be made', readOnly, 'boot fakeroot 42'],
  ['no changes: a version waits', { ...readOnly, waiting: whole(43) }, 'boot fakeroot 42'],
  ['no changes: the tree is damaged', { ...readOnly, running: damaged }, 'boot previous-root 41'],
  [
    'no changes: only one waits',
    { ...readOnly, ...nothing, waiting: whole(43) },
    'boot upgraded-root 43',
  ],
  ['no changes: the good before the bad', { ...readOnly, bad: [42] }, 'boot previous-root 41'],
  ['no changes: the one before', { ...readOnly, ...previousAsked }, 'boot previous-root 41'],
  ['no changes: a trial would never end', { ...readOnly, ...onTrial }, 'boot previous-root 41'],
  [
    'no changes: trials need no count',
    { ...readOnly, ...onTrial, bootsMax: 0 },
    'boot fakeroot 42 on trial',
  ],
  [
    'no changes: a trial is all there is',
    { ...readOnly, ...onTrial, previous: undefined },
    'boot fakeroot 42 on trial',
  ],
  [
    'no changes: a trial, and the other is bad',
    { ...readOnly, ...onTrial, bad: [41] },
    'boot fakeroot 42 on trial',
  ],
  ['no changes: nothing', { ...readOnly, ...nothing }, 'recover'],
]

for (const [name, change, expected] of TABLE) {
  test(name, () => {
    const found = planBoot({ ...CALM, ...change })
    assert.is(short(found), expected)
    if (found.act !== 'locked') assert.match(found.reason, /\.$/)
  })
}

const TREES: (0 | undefined | StartFault['kind'])[] = [
  undefined,
  0,
  'damaged',
  'untrusted',
  'unfit',
]
const BOOLEANS = [false, true]
/**
 * Versions that run, wait and ran before: in their usual order, and as mending and an operator leave them.
 */
const VERSIONS = [
  [42, 43, 41],
  [42, 42, 42],
  [42, 41, 43],
] as const
/** Boots and what they are judged by, one of them with limits off. */
const COUNTS: Partial<BootFacts>[] = [
  { trial: undefined, boots: 0 },
  { trial: undefined, boots: 3 },
  { trial: undefined, boots: 6 },
  { trial: undefined, boots: 6, confirmed: undefined },
  { trial: 42, boots: 0 },
  { trial: 42, boots: 3 },
  { trial: 42, boots: 4, confirmed: undefined },
  { trial: 42, boots: 9, bootsMax: 0 },
  { trial: 41, boots: 3 },
]

const treeOf = (what: (typeof TREES)[number], version: number) =>
  what === undefined ? undefined : what === 0 ? whole(version) : faulty(version, what)

function* everyStore(): Generator<Partial<BootFacts>> {
  for (const running of TREES)
    for (const waiting of TREES)
      for (const previous of TREES)
        for (const [first, second, third] of VERSIONS)
          for (const bad of [[], [41], [43], [41, 42, 43]])
            for (const counts of COUNTS)
              yield {
                running: treeOf(running, first),
                waiting: treeOf(waiting, second),
                previous: treeOf(previous, third),
                bad,
                ...counts,
              }
}

function* everyFact(): Generator<BootFacts> {
  for (const store of everyStore())
    for (const boot of [undefined, 'previous' as const])
      for (const recover of [undefined, 'network'])
        for (const writable of BOOLEANS)
          for (const recoveryTried of BOOLEANS)
            for (const cut of writable && recover === undefined ? [undefined, intent] : [undefined])
              yield {
                ...CALM,
                ...store,
                words: { boot, recover },
                writable,
                recoveryTried,
                intent: cut,
              }
}

/** The facts after an act, as `trees/swap.ts` leaves them. */
function after(facts: BootFacts, act: BootPlan): BootFacts {
  const old = facts.running
  if (act.act === 'finish') return { ...facts, intent: undefined }
  if (act.act === 'swap') {
    const { waiting: running, running: previous } = facts
    const trial = act.version
    return { ...facts, running, previous, waiting: undefined, trial, boots: 0, moved: true }
  }
  if (act.act === 'roll-back') {
    const bad = act.bad === undefined ? facts.bad : [...facts.bad, act.bad]
    const { previous: running } = facts
    const moved = true
    return { ...facts, running, previous: old, trial: undefined, boots: 0, bad, moved }
  }
  return { ...facts, recoveryTried: true }
}

/** What is wrong with an act; `trees/swap.ts` refuses the same. */
function wrongAct(facts: BootFacts, found: BootPlan): string | undefined {
  if (found.act === 'recover') return undefined
  if (!facts.writable) return 'it changes a store that cannot be written to'
  const known = found.act === 'swap' ? facts.waiting : facts.previous
  if (found.act !== 'finish' && known?.fault !== undefined)
    return 'it takes a tree that can not start'
  const isSame = known?.version === facts.running?.version
  return found.act === 'roll-back' && isSame ? 'it goes back to the same version' : undefined
}

/** What is wrong once all acts are done. */
function wrongEnd(facts: BootFacts, found: BootPlan): string | undefined {
  const trees = { fakeroot: facts.running, 'upgraded-root': facts.waiting }
  const all = { ...trees, 'previous-root': facts.previous }
  if (found.act === 'boot') {
    const booted = all[found.tree as keyof typeof all]
    if (booted?.version !== found.version) return 'it starts what does not stand there'
    return booted.fault && booted.fault.kind !== 'unfit' ? 'it starts what is damaged' : undefined
  }
  const startable = Object.values(all).some((tree) => tree && !tree.fault)
  return startable ? 'a tree could start, and none does' : undefined
}

test('whatever the facts, a few acts lead to a tree that can start, or to a recovery that found none', () => {
  let count = 0
  for (const start of everyFact()) {
    let facts = start
    let found = planBoot(facts)
    let wrong: string | undefined
    for (let acts = 0; found.act !== 'boot' && wrong === undefined; acts++) {
      if (found.act === 'recover' && facts.recoveryTried) break
      wrong = acts === 6 ? 'it does not end' : wrongAct(facts, found)
      facts = after(facts, found)
      found = planBoot(facts)
    }
    wrong ??= wrongEnd(facts, found)
    if (wrong !== undefined) assert.unreachable(`${wrong}: ${JSON.stringify(start)}`)
    count++
  }
  assert.ok(count > 200_000, `${count}`)
})

test('a laptop that is locked starts nothing, whatever else is known', () => {
  for (const store of everyStore()) {
    assert.is(planBoot({ ...CALM, ...store, intent, locked: 'Stolen.' }).act, 'locked')
  }
})

test.run()
