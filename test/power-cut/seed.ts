/**
 * The seed of what is sampled: another one each day, so that in time much is seen; XO_SEED repeats
 * one. Whoever samples prints it.
 */
const MS_A_DAY = 24 * 3600 * 1000

export function seedOfRun(): number {
  const wanted = process.env.XO_SEED
  return wanted === undefined ? Math.floor(Date.now() / MS_A_DAY) : Number(wanted)
}
