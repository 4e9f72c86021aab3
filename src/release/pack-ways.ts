/** The ways that packs lead from one version to another, one upon the other. */
import type { Pack } from './packs.ts'

/** Steps of a chain: each takes another pass over the content that all of them change. */
export const CHAIN_MAX = 8

/**
 * The cheapest chain of at most CHAIN_MAX packs between two versions; [] if none leads there. Every pack
 * leads upwards, so one step more at each pass finds all chains.
 */
export function cheapest(
  packs: readonly Pack[],
  from: number,
  to: number,
  cost: (pack: Pack) => number,
): readonly Pack[] {
  let reached = new Map<number, { packs: readonly Pack[]; cost: number }>([
    [from, { packs: [], cost: 0 }],
  ])
  for (let steps = 0; steps < CHAIN_MAX; steps++) {
    const next = new Map(reached)
    for (const pack of packs) {
      const before = pack.from === 0 ? undefined : reached.get(pack.from)
      if (!before || pack.to > to) continue
      const sum = before.cost + cost(pack)
      if (sum >= (next.get(pack.to)?.cost ?? Number.POSITIVE_INFINITY)) continue
      next.set(pack.to, { packs: [...before.packs, pack], cost: sum })
    }
    reached = next
  }
  return reached.get(to)?.packs ?? []
}
