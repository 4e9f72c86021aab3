/** Stores in the states that many tests begin with, brought there by the program's own flow. */
import { cpSync } from 'node:fs'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { smallImage } from './image.ts'
import { bring, newStorePath, withStore } from './node-device.ts'
import type { Publisher } from './release.ts'
import type { Tree } from './tree.ts'

/** The first version runs, and the second waits; the path of the store. */
export async function waitingStore(
  publisher: Publisher,
  [first, second]: [number, number] = [1, 2],
  imageOf: (version: number) => Tree = smallImage,
): Promise<string> {
  const path = newStorePath()
  publisher.publish(first, imageOf(first))
  await bring('install', path, publisher)
  publisher.publish(second, imageOf(second))
  await bring('upgrade', path, publisher)
  return path
}

/** The second version runs, confirmed, and the first ran before. */
export async function calmStore(...given: Parameters<typeof waitingStore>): Promise<string> {
  const path = await waitingStore(...given)
  await withStore(path, (store) => {
    swap(store)
    confirm(store)
  })
  return path
}

/** What two trees share is theirs alone in the copy. */
export function copyOfStore(store: string): string {
  const path = newStorePath()
  copyFolder(store, path)
  return path
}

export function copyFolder(source: string, target: string): void {
  cpSync(source, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
}
