/**
 * Which of the ways in which a cut may end are looked at: all of them if they are few; otherwise the corners
 * (nothing kept, all kept, names without content, one thing missing …) and samples from a seed.
 */

import type { SeededRandom } from '../random.ts'
import type { Choice, ContentFate, Medium } from './crash.ts'

interface Enumeration {
  choices: Choice[]
  /** How many there are in all; maybe more than a number holds exactly. */
  possible: number
}

/** At most `choicesMax` choices, corners first. */
export function enumerate(medium: Medium, choicesMax: number, random: SeededRandom): Enumeration {
  const files = medium.unwritten.map(({ inode, writes }) => fatesOf(medium, inode, writes))
  const operations = medium.pending.length
  const names = medium.model === 'weak' ? 2 ** operations : operations + 1
  const possible = files.reduce((product, fates) => product * fates.length, names)
  if (possible <= choicesMax) return { choices: [...all(medium, files)], possible }
  const choices = corners(medium, files, random).slice(0, choicesMax)
  while (choices.length < choicesMax) choices.push(sample(medium, files, random))
  return { choices, possible }
}

function fatesOf(medium: Medium, inode: number, writes: number): ContentFate[] {
  const fates: ContentFate[] = [
    { inode, whole: 0, rest: 'nothing' },
    { inode, whole: writes, rest: 'nothing' },
    { inode, whole: 0, rest: 'all zeros' },
    { inode, whole: writes - 1, rest: 'half' },
  ]
  if (writes < 2) return fates
  fates.push({ inode, whole: writes - 1, rest: 'nothing' })
  fates.push({ inode, whole: writes - 1, rest: 'zeros' })
  if (medium.model === 'weak') fates.push({ inode, whole: 0, rest: 'late only' })
  return fates
}

const upTo = (count: number) => Array.from({ length: count }, (_, place) => place)

function* all(medium: Medium, files: ContentFate[][]): Generator<Choice> {
  const operations = medium.pending.length
  const sets =
    medium.model === 'weak'
      ? upTo(2 ** operations).map((bits) => upTo(operations).filter((place) => bits & (1 << place)))
      : upTo(operations + 1).map(upTo)
  for (const kept of sets) for (const contents of products(files)) yield { kept, contents }
}

function* products([first, ...rest]: ContentFate[][]): Generator<ContentFate[]> {
  if (!first) {
    yield []
    return
  }
  for (const others of products(rest)) for (const fate of first) yield [fate, ...others]
}

function corners(medium: Medium, files: ContentFate[][], random: SeededRandom): Choice[] {
  const every = upTo(medium.pending.length)
  // Of each file the fate at this place of the list; see fatesOf.
  const contents = (place: number) => files.map((fates) => fates[place] as ContentFate)
  const found: Choice[] = [
    { kept: [], contents: contents(0) },
    { kept: every, contents: contents(1) },
    { kept: every, contents: contents(2) },
    { kept: every, contents: contents(0) },
    { kept: every, contents: contents(3) },
  ]
  if (medium.model !== 'weak') {
    if (every.length > 0) found.push({ kept: every.slice(0, -1), contents: contents(1) })
    return found
  }
  if (every.length > 0) {
    // It is before the latest operations that the earlier ones should have been synced.
    found.push({ kept: every.slice(-1), contents: contents(0) })
    found.push({ kept: every.slice(0, -1), contents: contents(1) })
    const missing = random.below(every.length)
    found.push({ kept: every.filter((place) => place !== missing), contents: contents(1) })
  }
  found.push({ kept: [], contents: contents(1) })
  return found
}

function sample(medium: Medium, files: ContentFate[][], random: SeededRandom): Choice {
  const operations = medium.pending.length
  const every = upTo(operations)
  const contents = files.map((fates) => fates[random.below(fates.length)] as ContentFate)
  if (medium.model !== 'weak') {
    // In the later half of the samples all of the metadata survives: there content matters most.
    const count = random.below(2) ? operations : random.below(operations + 1)
    return { kept: every.slice(0, count), contents }
  }
  const likely = [0.1, 0.5, 0.9][random.below(3)] as number
  return { kept: every.filter(() => random.fraction() < likely), contents }
}
