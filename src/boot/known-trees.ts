/** What an errand found out about the trees, as a text that the next one reads: finding out means reading all of them. */
import type { Known } from '../recover.ts'
import type { PublicKey } from '../release/signify.ts'
import { signedTree } from '../store/mend-record.ts'
import type { Store, TreeName } from '../store/store.ts'
import type { Examined } from '../store/verify.ts'
import { bytesOfText, textOfBytes } from '../text.ts'
import { KNOWN_LENGTH_MAX } from './errand-words.ts'

/** `digest` says of which manifest it holds. */
type Kept = Omit<Examined, 'tree'> & { name: TreeName; digest: string }

/** Empty if it is too much to tell. */
export function knownText(known: Known): string {
  const kept = [...known].flatMap(([name, examined]): Kept[] => {
    if (!examined) return []
    const { tree, ...rest } = examined
    return [{ ...rest, name, digest: tree.release.manifestDigest }]
  })
  const text = bytesOfText(JSON.stringify(kept))
  return text.length > KNOWN_LENGTH_MAX ? '' : text
}

/** What still holds of it. It comes from a process like this one, so it is believed. */
export function knownFrom(text: string, store: Store, keys: readonly PublicKey[]): Known {
  const known: Known = new Map()
  if (text === '') return known
  for (const { name, digest, ...rest } of JSON.parse(textOfBytes(text) ?? '[]') as Kept[]) {
    const tree = signedTree(store, name, keys)
    if (tree?.release.manifestDigest === digest) known.set(name, { ...rest, tree })
  }
  return known
}
