/**
 * A power cut in the middle of anything: the files of a host whose k-th change never happens, nor anything
 * after it.
 */
import type { Files, Host } from '../../src/host.ts'

export class Cut extends Error {
  override name = 'Cut'
}

const CHANGES = [
  'createFile',
  'makeDirectory',
  'makeLink',
  'makeNode',
  'hardLink',
  'copyFile',
  'setMetadata',
  'rename',
  'exchange',
  'removeFile',
  'removeTree',
  'write',
] as const

interface CutHost {
  host: Host
  /** Changes that were let through. */
  changes(): number
}

/** `make` builds the rest of the host over the given files. */
export function cutting(files: Files, changesMax: number, make: (files: Files) => Host): CutHost {
  let changes = 0
  const broken: Record<string, unknown> = { ...files }
  for (const name of CHANGES) {
    const call = files[name] as (...words: unknown[]) => unknown
    broken[name] = (...words: unknown[]) => {
      if (changes >= changesMax) throw new Cut(`the power failed before ${name}`)
      changes++
      return call(...words)
    }
  }
  return { host: make(broken as unknown as Files), changes: () => changes }
}
