/**
 * Attacks by the names that our messages begin with, sometimes after the name of the source behind the
 * attack. The home server is told only the name: the words may give away the child's files.
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

/** The attack that a message names first: what follows may be a peer's own words. */
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
