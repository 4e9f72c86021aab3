/**
 * Delta packs as signed statements list them: `pack-FROM-TO=SIZE DIGEST CHANGED`. A release lists those that
 * were made with it; `N/packs`, a statement of its own, those that were added later, so that a release
 * never changes once devices hold it. A pack only saves bytes: what can't be read of a list is no pack.
 */
import { TrustError } from '../errors.ts'
import { PACKS_LISTED_MAX, PACKS_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { Fields } from './fields.ts'
import { type PublicKey, type SecretKey, sign, verifySignature } from './signify.ts'
import { decodeStatement, encodeStatement, type Statement } from './statement.ts'

export interface Pack {
  /** The version whose files it builds upon; 0: none, all files are whole in it. */
  from: number
  to: number
  /** Bytes. */
  size: number
  /** SHA-256, 64 lower-case hex digits. */
  digest: string
  /** Bytes of the files whose content `from` lacks: by it a transfer file by file is estimated. */
  changedBytes: number
}

/** The folder of a module that has the packs. */
export const DELTAS = 'deltas'

/** The release that a list is for. */
interface ListedFor {
  version: number
  manifestDigest: string
}

const KEY = /^pack-(0|[1-9][0-9]{0,8})-([1-9][0-9]{0,8})$/
const VALUE = /^([1-9][0-9]{0,14}) ([0-9a-f]{64}) (0|[1-9][0-9]{0,14})$/

/** `41-42`: its name in the folder `deltas` of a module, and in `packs` of a store. */
export function nameOfPack({ from, to }: Pick<Pack, 'from' | 'to'>): string {
  return `${from}-${to}`
}

/** The versions of a pack by its name; undefined if it is not the name of one. */
export function versionsOfPack(name: string): Pick<Pack, 'from' | 'to'> | undefined {
  const [, from, to] = KEY.exec(`pack-${name}`) ?? []
  if (from === undefined || Number(from) >= Number(to)) return undefined
  return { from: Number(from), to: Number(to) }
}

/** The fields of a list, sorted, so that the same packs give the same bytes. */
export function packFields(packs: readonly Pack[]): [string, string][] {
  return [...packs]
    .sort((one, other) => other.to - one.to || other.from - one.from)
    .map((pack) => [`pack-${nameOfPack(pack)}`, `${pack.size} ${pack.digest} ${pack.changedBytes}`])
}

/** The packs that a statement lists; lines of another form, from a newer publisher, are skipped. */
export function packsOf(statement: Statement): Pack[] {
  const packs: Pack[] = []
  for (const [key, value] of statement) {
    const versions = key.startsWith('pack-') ? versionsOfPack(key.slice(5)) : undefined
    const [, size, digest = '', changed] = VALUE.exec(value) ?? []
    if (!versions || size === undefined || packs.length === PACKS_LISTED_MAX) continue
    packs.push({ ...versions, size: Number(size), digest, changedBytes: Number(changed) })
  }
  return packs
}

/** `N/packs`. It names the manifest, so that it is never taken for the list of another release. */
export function signPacks(
  { version, manifestDigest }: ListedFor,
  packs: readonly Pack[],
  key: SecretKey,
  comment: string,
): Uint8Array {
  const fields: [string, string][] = [
    ['version', String(version)],
    ['manifest-sha256', manifestDigest],
    ...packFields(packs),
  ]
  return sign(encodeStatement('packs', fields), key, comment)
}

/** The packs of `N/packs`, if one of the keys signed it for this release. Throws a TrustError. */
export function openPacks(
  signed: Uint8Array,
  release: ListedFor,
  keys: readonly PublicKey[],
): Pack[] {
  if (signed.length > PACKS_SIZE_MAX) {
    throw new TrustError(
      `the list of packs has ${signed.length} bytes; at most ${PACKS_SIZE_MAX} allowed`,
    )
  }
  const message = verifySignature(signed, keys, 'the list of packs')
  const fields = new Fields('the list of packs', decodeStatement(message, 'packs'))
  const version = fields.count('version', 1, VERSION_MAX)
  const digest = fields.matching('manifest-sha256', /^[0-9a-f]{64}$/)
  if (version !== release.version || digest !== release.manifestDigest) {
    throw new TrustError(`the list of packs is for another release than version ${release.version}`)
  }
  return packsOf(fields.statement)
}
