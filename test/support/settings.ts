/**
 * What the runner tells the tests that sample something: to take all of it, or a chosen part, depending on
 * how it was called. tools/tests/ways.mjs says what each may be.
 */
import type { CrashModel } from '../../runtime/emulator/disk/crash.ts'

interface Settings {
  /** Everything instead of a sample. */
  whole?: boolean
  seed?: number
  /** For boots: how often the power goes, and where the screen of the first upgrade is kept. */
  cuts?: number
  console?: string
  /** For the proof: one model of a disk, and the one operation before which the power goes. */
  model?: CrashModel
  cut?: number
  /** The line is cut at every so many bytes. */
  every?: number
  /** How many allocations of each kind are refused. */
  samples?: number
  /** Of `npm run fuzz`: how long this file may look, and the case that is to be repeated. */
  fuzz?: { seconds: number; path?: string }
}

export const settings: Settings = JSON.parse(process.env.XO_TEST_SETTINGS ?? '{}')
// A runner that a test starts has its own.
delete process.env.XO_TEST_SETTINGS
