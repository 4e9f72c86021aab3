/**
 * The seed of what is sampled: the one that the runner was told, else another one each day, so that in
 * time much is seen; XO_SEED repeats one. Whoever samples prints it.
 */
import { settings } from '../support/settings.ts'

const MS_A_DAY = 24 * 3600 * 1000

export function seedOfRun(): number {
  const wanted = settings.seed ?? process.env.XO_SEED
  return wanted === undefined ? Math.floor(Date.now() / MS_A_DAY) : Number(wanted)
}
