/** Whom to ask next, and how long to wait: the proposal's order as a table. */

import * as assert from 'uvu/assert'
import {
  type Candidate,
  type NeighboursTurn,
  nextMove,
  nextWait,
  outcomeOf,
  PATIENCE,
  type PeersWord,
  secondsLeft,
} from '../../src/source/order.ts'
import { test } from '../support/suite.ts'

/** `school:lacks`, `upstream`, `school:untried:aside` */
function candidates(words: string): Candidate[] {
  return words
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [role, outcome = 'untried', aside] = word.split(':')
      return {
        role: role as Candidate['role'],
        outcome: outcome as Candidate['outcome'],
        setAside: aside === 'aside',
      }
    })
}

function turn(peers: PeersWord, ...words: string[]): NeighboursTurn {
  return { peers, known: !words.includes('unknown'), asked: words.includes('asked') }
}

/** What is known, how many waits there were, and what to do: the index of whom to ask, or a wait. */
const TABLE: [string, number, ReturnType<typeof nextMove>, string][] = [
  ['school upstream', 0, 0, 'the school server first'],
  ['upstream school', 0, 1, 'wherever it stands in the list'],
  ['school:serving upstream', 0, 0, 'it has the version: take it'],
  ['school:lacks upstream', 0, 'wait-for-school', 'it is there but lacks it: back off'],
  ['school:lacks upstream', 5, 'wait-for-school', 'and again, as long as there is patience'],
  ['school:lacks upstream', 6, 1, 'then upstream'],
  ['school:lacks upstream', 60, 1, 'and upstream in each later round, after the school server'],
  ['school upstream', 60, 0, 'which is still asked first'],
  ['school:away upstream', 0, 1, 'no school server: upstream at once'],
  ['upstream', 0, 0, 'none configured: upstream at once'],
  ['school:bad upstream', 0, 1, 'it broke the protocol: the next is used'],
  ['school:lacks upstream:away', 6, 'wait', 'upstream fails: wait, begin again'],
  ['school:away upstream:bad', 0, 'wait', 'upstream fails: wait, begin again'],
  ['school:away upstream:lacks', 0, 'wait', 'upstream lacks it: wait, begin again'],
  ['school:away upstream:away upstream', 0, 2, 'the next upstream'],
  ['school:lacks school upstream', 0, 1, 'a second school server before any wait'],
  [
    'school:lacks school:away upstream',
    0,
    'wait-for-school',
    'one that lacks it is enough to wait',
  ],
  ['school:away school:lacks upstream', 6, 2, 'until the patience is used up'],
  ['school:untried:aside upstream', 0, 1, 'set aside: the next is used'],
  ['school:untried:aside upstream:away', 0, 0, 'but it is asked before nobody is'],
  ['school:untried:aside upstream:serving', 0, 1, 'and not while another one serves'],
  ['school:untried:aside school upstream', 0, 1, 'the other school server'],
  ['school:lacks school:untried:aside upstream', 0, 'wait-for-school', 'patience goes before it'],
  ['school:away upstream:untried:aside upstream', 0, 2, 'the other upstream'],
  ['school:untried:aside', 0, 0, 'the only one is asked in any case'],
  ['school:bad:aside', 0, 'wait', 'once a round'],
  ['', 0, 'wait', 'nobody to ask'],
]

for (const [words, tries, move, why] of TABLE) {
  test(`${words || 'no source'}, ${tries} waits: ${why}`, () => {
    assert.is(nextMove(candidates(words), tries, { schoolTries: 6 }), move)
  })
}

/** What `peers` says, what is known of the version and of neighbours; then as above. */
const NEIGHBOURS: [NeighboursTurn, string, number, ReturnType<typeof nextMove>, string][] = [
  [
    turn('before-school'),
    'school',
    0,
    'ask-neighbours',
    'a version is wanted: who is near has it?',
  ],
  [turn('before-school', 'asked'), 'school neighbour', 0, 1, 'one has: it goes first'],
  [
    turn('before-school', 'asked'),
    'school neighbour neighbour',
    0,
    1,
    'in the order of the answers',
  ],
  [turn('before-school', 'asked'), 'school', 0, 0, 'none has: the school server'],
  [turn('before-school', 'asked'), 'school neighbour:away neighbour', 0, 2, 'the next goes on'],
  [turn('before-school', 'asked'), 'school neighbour:bad', 0, 0, 'none left: the school server'],
  [turn('before-school', 'asked'), 'school:away upstream neighbour:lacks', 0, 1, 'and upstream'],
  [turn('before-school', 'asked'), 'school:away neighbour:away', 0, 'wait', 'asked once a round'],
  [
    turn('before-school'),
    'school:serving',
    0,
    'ask-neighbours',
    'the school server said what to want',
  ],
  [turn('before-school', 'asked'), 'school:serving neighbour', 0, 1, 'a neighbour brings it'],
  [turn('before-school', 'asked'), 'school:serving neighbour:serving', 0, 1, 'one at a time'],
  [turn('before-school', 'asked'), 'school:serving neighbour:bad', 0, 0, 'or the school server'],
  [turn('before-school', 'unknown'), 'school', 0, 0, 'others say what is the newest'],
  [turn('before-school', 'unknown'), 'school:serving', 0, 0, 'others say what is the newest'],
  [turn('before-school', 'unknown'), 'school:away', 0, 'ask-neighbours', 'nobody can: neighbours'],
  [turn('before-school', 'unknown'), 'school:away upstream', 0, 'ask-neighbours', 'who are nearer'],
  [
    turn('before-school', 'unknown', 'asked'),
    'school:away upstream neighbour:lacks',
    0,
    1,
    'upstream',
  ],
  [turn('after-school'), 'school', 0, 0, 'the school server first'],
  [turn('after-school'), 'school:serving', 0, 0, 'and it goes on'],
  [turn('after-school'), 'school:away upstream', 0, 'ask-neighbours', 'then neighbours'],
  [turn('after-school'), 'school:lacks upstream', 0, 'ask-neighbours', 'before any wait'],
  [turn('after-school', 'asked'), 'school:lacks upstream neighbour', 0, 2, 'before any wait'],
  [turn('after-school', 'asked'), 'school:lacks upstream', 0, 'wait-for-school', 'then the wait'],
  [turn('after-school', 'asked'), 'school:serving neighbour:serving', 0, 1, 'one at a time'],
  [turn('off'), 'school:away upstream', 0, 1, 'nobody is asked'],
  [turn('off'), 'school:away', 0, 'wait', 'nobody is asked'],
]

for (const [about, words, tries, move, why] of NEIGHBOURS) {
  const { peers, known, asked } = about
  const more = `${known ? '' : ', version unknown'}${asked ? ', neighbours asked' : ''}`
  test(`${words}; ${peers}${more}: ${why}`, () => {
    assert.is(nextMove(candidates(words), tries, { schoolTries: 6 }, about), move)
  })
}

test('a neighbour whose connection is cut is away, and the next goes on; a server is asked again', () => {
  const serving = (role: Candidate['role']) => ({ role, outcome: 'serving' as const })
  assert.is(outcomeOf('cut', serving('neighbour'), 1), 'away')
  assert.is(outcomeOf('cut', serving('school'), 1), 'serving')
  assert.is(outcomeOf('bad', serving('neighbour'), 0), 'bad')
})

test('without patience, a school server that lacks the version costs no wait', () => {
  assert.is(nextMove(candidates('school:lacks upstream'), 0, { schoolTries: 0 }), 1)
})

test('every state of three sources leads to one of them that may be asked, or to a wait', () => {
  const outcomes = ['untried', 'lacks', 'away', 'bad', 'untried:aside']
  for (const one of outcomes) {
    for (const two of outcomes) {
      for (const three of outcomes) {
        const all = candidates(`school:${one} school:${two} upstream:${three}`)
        for (const tries of [0, 5, 6, 999_999]) {
          const move = nextMove(all, tries, PATIENCE)
          if (typeof move === 'number') assert.is(all[move]?.outcome, 'untried')
          else if (move === 'wait') assert.not.ok(all.some(({ outcome }) => outcome === 'untried'))
          else assert.ok(tries < 6 && all.some(({ outcome }) => outcome === 'lacks'))
        }
      }
    }
  }
})

test('waits double, are spread over their second half, and are bounded', () => {
  const policy = { firstSeconds: 120, longestSeconds: 3600 }
  for (const move of ['wait-for-school', 'wait'] as const) {
    let wait: ReturnType<typeof nextWait> | undefined
    for (const full of [120, 240, 480, 960, 1920, 3600, 3600]) {
      const soonest = nextWait(move, wait, { seconds: 1_000.9, random: 0 }, policy)
      const latest = nextWait(move, wait, { seconds: 1_000.9, random: 1 }, policy)
      assert.is(soonest.until - soonest.begun, full / 2)
      assert.is(latest.until - latest.begun, full)
      assert.is(latest.begun, 1_000)
      wait = latest
    }
  }
  const old = nextWait('wait', { tries: 0, failures: 999 }, { seconds: 5, random: 1 }, policy)
  assert.equal(old, { tries: 0, failures: 999, begun: 5, until: 3605 })
})

test('after upstream failed it begins again, with as much patience for the school server', () => {
  const patience = { schoolTries: 2, firstSeconds: 100, longestSeconds: 10_000 }
  const lacking = candidates('school:lacks upstream')
  const failed = candidates('school:lacks upstream:away')
  let wait: ReturnType<typeof nextWait> | undefined
  const lengths: number[] = []
  for (let round = 0; round < 9; round++) {
    let move = nextMove(lacking, wait?.tries ?? 0, patience)
    if (typeof move === 'number') move = nextMove(failed, wait?.tries ?? 0, patience)
    if (move !== 'wait' && move !== 'wait-for-school') throw new Error(`${move} was asked twice`)
    wait = nextWait(move, wait, { seconds: 0, random: 1 }, patience)
    lengths.push(wait.until)
  }
  assert.equal(lengths, [100, 200, 100, 100, 200, 200, 100, 200, 400])
  assert.equal([wait?.tries, wait?.failures], [0, 3])
})

test('a wait ends when its time has come, and when the clock went back', () => {
  const wait = { begun: 1_000, until: 1_600 }
  assert.is(secondsLeft(wait, 1_000), 600)
  assert.is(secondsLeft(wait, 1_599.5), 0.5)
  assert.is(secondsLeft(wait, 1_600), 0)
  assert.is(secondsLeft(wait, 999), 0)
  assert.is(secondsLeft(wait, 5_000_000_000), 0)
  assert.is(secondsLeft(undefined, 1_000), 0)
})

test.run()
