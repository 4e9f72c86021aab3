/**
 * Attacks by their names, as our messages begin with them, sometimes behind the name of the source that
 * made it. The name is all that the home server is told: the words may tell of the child's files.
 */

const ATTACKS = [
  'rollback',
  'fast-forward',
  'freeze',
  'replay',
  'forged',
  'unknown key',
  'revoked key',
  'wrong hardware',
  'wrong deployment',
  'wrong serial',
  'wrong host key',
  'jump too far',
  'given out as another',
  'altered',
  'endless data',
  'slow',
]

/** The attack that a message names first: what comes behind it may be a peer's own words. */
export function attackIn(message: string): string | undefined {
  let first = Number.POSITIVE_INFINITY
  let attack: string | undefined
  for (const name of ATTACKS) {
    const inside = message.indexOf(`: ${name}: `)
    const at = message.startsWith(`${name}: `) ? 0 : inside
    if (at < 0 || at >= first) continue
    first = at
    attack = name
  }
  return attack
}
