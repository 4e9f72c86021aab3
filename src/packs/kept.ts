/**
 * Packs in the store's folder `packs`, each as it arrives, under its name (`41-42`). Nothing here is believed:
 * a pack counts once its digest is the signed one, so a torn one is what the next transfer builds upon.
 */
import { isSystemError } from '../errors.ts'
import type { Fd, Path } from '../host.ts'
import { nameOfPack, type Pack, versionsOfPack } from '../release/packs.ts'
import type { Store } from '../store/store.ts'
import type { FileOutcome, WantedFile } from '../wanted-file.ts'

const FOLDER = 'packs'
const BASIS = '.basis'

/** How much of a pack is here, whole or not (bytes). */
export function keptBytes(store: Store, pack: Pack): number {
  const size = (path: Path) => {
    const stat = store.host.files.stat(store.directory, path)
    return stat?.type === 'file' ? stat.size : 0
  }
  const path = pathOf(pack)
  return Math.min(Math.max(size(path), size(path + BASIS)), pack.size)
}

/** The pack, if it is here whole, and proved. The caller closes it. */
export function openKept(store: Store, pack: Pack): Fd | undefined {
  const { files, checksums } = store.host
  if (files.stat(store.directory, pathOf(pack))?.size !== pack.size) return undefined
  let fd: Fd | undefined
  try {
    fd = files.openRead(store.directory, pathOf(pack))
    if (checksums.digestFile(fd, pack.size).digest === pack.digest) return fd
  } catch (error) {
    // One that the disk can't give back comes again.
    if (!isSystemError(error)) throw error
  }
  if (fd !== undefined) files.close(fd)
  return undefined
}

/** The wish for a pack, with what is here of it as the basis; `told` hears what became of it. */
export function wantedPack(
  store: Store,
  pack: Pack,
  told: (outcome: FileOutcome) => void,
): WantedFile {
  const { files } = store.host
  const { directory } = store
  const path = pathOf(pack)
  if (!store.has(FOLDER)) files.makeDirectory(directory, FOLDER, 0o700)
  const basis = openBasis(store, path)
  let target: Fd | undefined
  const closed = () => {
    if (basis) files.close(basis.fd)
    if (target !== undefined) files.close(target)
  }
  return {
    name: nameOfPack(pack),
    sizeMax: pack.size,
    basis,
    target: () => {
      if (target !== undefined) files.close(target)
      files.removeTree(directory, path)
      target = files.createFile(directory, path, 0o600)
      return target
    },
    abandoned: closed,
    done: (outcome) => {
      closed()
      files.removeTree(directory, path + BASIS)
      told(outcome)
    },
  }
}

/** The larger of what two tries left, under its name as a basis. */
function openBasis(store: Store, path: Path): { fd: Fd; size: number } | undefined {
  const { files } = store.host
  const { directory } = store
  const newer = files.stat(directory, path)
  const older = files.stat(directory, path + BASIS)
  if (newer?.type === 'file' && newer.size >= (older?.size ?? 0)) {
    files.removeTree(directory, path + BASIS)
    files.rename(directory, path, directory, path + BASIS)
    return { fd: files.openRead(directory, path + BASIS), size: newer.size }
  }
  return older?.type === 'file'
    ? { fd: files.openRead(directory, path + BASIS), size: older.size }
    : undefined
}

/** Removes what is wrong with a pack: nothing of it is worth another try. */
export function dropPack({ host, directory }: Store, pack: Pack): void {
  host.files.removeTree(directory, pathOf(pack))
}

/** Removes all packs but those that lead to a version; undefined: all. What resists can wait. */
export function tidyPacks(store: Store, version: number | undefined): void {
  try {
    removePacks(store, version)
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

function removePacks(store: Store, version: number | undefined): void {
  const { files } = store.host
  const { directory } = store
  if (files.stat(directory, FOLDER)?.type !== 'dir') return
  const names = files.readDirectory(directory, FOLDER)
  const stays = names.filter(
    (name) => version !== undefined && versionsOfPack(name)?.to === version,
  )
  if (stays.length === 0) files.removeTree(directory, FOLDER)
  else
    for (const name of names)
      if (!stays.includes(name)) files.removeTree(directory, `${FOLDER}/${name}`)
}

const pathOf = (pack: Pack) => `${FOLDER}/${nameOfPack(pack)}`
