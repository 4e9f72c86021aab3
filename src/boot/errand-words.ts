/**
 * An errand: what process 1 has another process do, which is confined and reads what strangers wrote. The
 * words that the two exchange; process 1 believes none of them more than a person at the screen should.
 */
import type { Path } from '../host.ts'
import type { Phase, Progress, ShownProgress } from '../progress.ts'
import { bytesOfText, harmless, show, textOfBytes } from '../text.ts'

/** The variable that makes a start of the program an errand. */
export const ERRAND_VARIABLE = 'XO_ERRAND'

/** What is asked for: one line of JSON. */
export interface Errand {
  /** A system is brought into the store, or a signed word that frees the laptop. */
  task: 'recover' | 'free'
  store: Path
  /** Where to look: URLs to recover from; folders (none: the home server) for the signed word. */
  places: string[]
  /** To recover: also from what the configuration and DHCP name. */
  asksNetwork: boolean
  /** What an earlier errand found out, in its own words. */
  known: string
}

/** All that is known of three trees with much damage (bytes). More is found out again. */
export const KNOWN_LENGTH_MAX = 256 * 1024
/** A line has one word, a blank and the rest (bytes). */
export const ERRAND_LINE_MAX = KNOWN_LENGTH_MAX + 16
/** A sentence fills a small screen at most (characters). */
const SENTENCE_LENGTH_MAX = 1000

const PHASES: readonly string[] = ['release', 'manifest', 'compare', 'fetch', 'verify', 'commit']

/** A line to say a text with; what would end the line is spelled out. */
export function sentenceLine(word: 'say' | 'note' | 'debug', text: string): string {
  return `${word} ${bytesOfText(harmless(text))}\n`
}

/** The text of such a line, whoever wrote it. */
export function sentenceIn(rest: string): string {
  return (textOfBytes(rest) ?? show(rest)).slice(0, SENTENCE_LENGTH_MAX)
}

type Tell = (line: string) => void

/** Progress as lines. To be called no more often than somebody looks at it. */
export function progressLines(tell: Tell): Progress {
  return {
    begin: (phase, total, unit) => tell(`begin ${phase} ${unit} ${total ?? '-'}\n`),
    advance: (done, path = '') => tell(`at ${done} ${bytesOfText(show(path))}\n`),
    traffic: (received, sent) => tell(`traffic ${received} ${sent}\n`),
    note: (text) => tell(sentenceLine('note', text)),
  }
}

/** Shows a line of progress; false if it is none. */
export function showProgressLine(shown: ShownProgress, word: string, rest: string): boolean {
  const [first = '', second = '', third = ''] = rest.split(' ', 3)
  if (word === 'begin' && PHASES.includes(first) && (second === 'bytes' || second === 'entries')) {
    shown.begin(first as Phase, amountIn(third), second)
  } else if (word === 'at' && amountIn(first) !== undefined) {
    shown.advance(amountIn(first) ?? 0, rest.slice(first.length + 1, SENTENCE_LENGTH_MAX))
  } else if (word === 'traffic' && amountIn(second) !== undefined) {
    shown.traffic(amountIn(first) ?? 0, amountIn(second) ?? 0)
  } else {
    return false
  }
  return true
}

function amountIn(digits: string): number | undefined {
  return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined
}
