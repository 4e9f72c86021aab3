/**
 * The seed of what is sampled: the one given to the runner, or else a new one each day, so that much is
 * covered in time; XO_SEED repeats one. Whoever samples prints it.
 */
import { settings } from '../support/settings.ts'

const MS_A_DAY = 24 * 3600 * 1000

export function seedOfRun(): number {
  const wanted = settings.seed ?? process.env.XO_SEED
  return wanted === undefined ? Math.floor(Date.now() / MS_A_DAY) : Number(wanted)
}
