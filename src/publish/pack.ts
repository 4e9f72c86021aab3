/**
 * Makes one pack in a file: the manifest's frames, the index, and the files' frames that the coder makes. Then
 * the device's own code makes everything out of it again; a file that does not come out goes in plain, and
 * a pack that still fails is none.
 */
import type { PackFile, PackFrame } from 'native:pack-coder'
import type { PackedFile } from 'native:packs'
import { ConfigError, DiskError, isPackError } from '../errors.ts'
import type { Fd, Host, Path } from '../host.ts'
import { MANIFEST_SIZE_MAX } from '../limits.ts'
import type { Progress } from '../progress.ts'
import { show } from '../text.ts'
import { filesToCarry } from './pack-files.ts'
import { manifestFrames } from './pack-manifest.ts'
import { indexFrame } from './pack-sections.ts'

type PackHost = Pick<Host, 'files' | 'checksums' | 'trees' | 'packs' | 'packCoder'>

/** A version as the module has it. */
export interface PackTree {
  manifest: Fd
  root: Fd
}

interface PackMaking {
  host: PackHost
  old: PackTree | undefined
  target: PackTree & { manifestDigest: string }
  /** Where it is made: a folder, and a name in it that nothing has. */
  folder: Fd
  path: Path
  /** `41-42` */
  name: string
  progress: Progress
}

interface MadePack {
  size: number
  digest: string
  changedBytes: number
}

/** What the coder may take for all of its work, besides one large file alone (bytes). */
const MEMORY_MAX = 512 * 1024 * 1024
/** Of a machine that has two; the bytes of a pack don't depend on it. */
const WORKERS = 2
/** Some files may come out wrong; that others then do, too, would be an error of ours. */
const ROUNDS_MAX = 3
const CHUNK_SIZE = 256 * 1024

/** Whether this program is one that can. */
export function checkCoder({ packCoder }: Pick<Host, 'packCoder'>): void {
  if (packCoder.encodeFiles) return
  throw new ConfigError(
    'this program only reads packs',
    "use the publisher's program, which `npm run build` makes beside it: xo-upgrade-publisher",
  )
}

/** The pack is complete and on the disk when this returns. Whatever else it made is gone. */
export function makePack(making: PackMaking): MadePack {
  const { host, old, target, folder, path, name } = making
  checkCoder(host)
  const { files, bytes } = filesToCarry(host, old?.manifest, target.manifest)
  for (let round = 1; ; round++) {
    const wrong = new Set(written(making, files))
    if (wrong.size === 0) break
    host.files.removeFile(folder, path)
    const [first] = wrong
    if (round === ROUNDS_MAX || first === undefined) {
      throw new DiskError(
        `${name}: ${wrong.size} files do not come out of the pack as they went in, the first ${show(first ?? '')}`,
        'nothing was published; look at the disk of the module for errors',
      )
    }
    for (const file of files) file.isPlain ||= wrong.has(file.path)
  }
  const fd = host.files.openRead(folder, path)
  try {
    host.files.sync(fd)
    const { digest, size } = host.checksums.digestFile(fd, Number.MAX_SAFE_INTEGER)
    return { digest, size, changedBytes: bytes }
  } finally {
    host.files.close(fd)
  }
}

/** Writes the pack and proves it; the paths of files that are wrong in it. */
function written(making: PackMaking, files: PackFile[]): Path[] {
  const { host, folder, path, target, old } = making
  const framesPath = `${path}.frames`
  const frames = host.files.createFile(folder, framesPath, 0o600)
  try {
    const summary = encode(making, files, frames)
    const pack = host.files.createFile(folder, path, 0o644)
    try {
      const compress = host.packCoder.compressFrame as (content: Uint8Array) => Uint8Array
      const put = (bytes: Uint8Array) => host.files.write(pack, bytes, 0, bytes.length)
      for (const frame of manifestFrames(host.files, old?.manifest, target.manifest)) {
        put(compress(frame))
      }
      put(compress(indexFrame(summary)))
      copyAll(host.files, frames, pack)
      return proved(making, pack, files)
    } finally {
      host.files.close(pack)
    }
  } finally {
    host.files.close(frames)
    host.files.removeFile(folder, framesPath)
  }
}

function encode(
  { host, old, target, progress }: PackMaking,
  files: PackFile[],
  frames: Fd,
): PackFrame[] {
  progress.begin('pack', files.length, 'entries')
  const encodeFiles = host.packCoder.encodeFiles as NonNullable<typeof host.packCoder.encodeFiles>
  return encodeFiles({
    oldTree: old?.root ?? -1,
    newTree: target.root,
    files,
    target: frames,
    workers: WORKERS,
    memoryMax: MEMORY_MAX,
    onProgress: (done, _, path) => progress.advance(done, path),
  }).frames
}

function copyAll(files: Host['files'], source: Fd, target: Fd): void {
  const buffer = new Uint8Array(CHUNK_SIZE)
  let position = 0
  for (;;) {
    const length = files.read(source, buffer, 0, CHUNK_SIZE, position)
    if (length === 0) return
    files.write(target, buffer, 0, length)
    position += length
  }
}

/** The paths of files that do not come out of the pack. */
function proved(making: PackMaking, pack: Fd, files: readonly PackFile[]): Path[] {
  try {
    return new Proof(making, pack).run(files)
  } catch (error) {
    if (!isPackError(error)) throw error
    throw new DiskError(
      `the pack that was made can't be read: ${error.message}`,
      'nothing was published; look at the disk of the module for errors',
    )
  }
}

/** Makes everything out of the pack again, as a device does. */
class Proof {
  readonly #scratch: Path

  constructor(
    readonly making: PackMaking,
    readonly fd: Fd,
  ) {
    this.#scratch = `${making.path}.proof`
  }

  run(files: readonly PackFile[]): Path[] {
    const { host, name, progress } = this.making
    const { packs } = host
    const pack = packs.openPack(this.fd, name)
    try {
      progress.begin('verify', files.length, 'entries')
      this.#proveManifest(pack)
      const { old, target } = this.making
      if (!packs.openFiles(pack, { old: old?.manifest, new: target.manifest })) throw this.#cut()
      const left = new Set(files.map(({ path }) => path))
      while (packs.nextStretch(pack)) {
        for (let file = packs.nextFile(pack); file; file = packs.nextFile(pack)) {
          if (this.#comesOut(pack, file)) left.delete(file.path)
          progress.advance(files.length - left.size, file.path)
        }
      }
      return [...left]
    } finally {
      packs.closePack(pack)
    }
  }

  #proveManifest(pack: object): void {
    const { host, old, target, name } = this.making
    const digest = this.#withScratch(
      (fd) => host.packs.rebuildManifest(pack, old?.manifest, fd, MANIFEST_SIZE_MAX)?.digest,
    )
    if (digest === target.manifestDigest) return
    throw new DiskError(
      `${name}: the manifest does not come out of the pack as it went in`,
      'nothing was published; look at the disk of the module for errors',
    )
  }

  #comesOut(pack: object, file: PackedFile): boolean {
    const { host, old, target } = this.making
    const from = file.base?.tree === 'new' ? target.root : old?.root
    const base =
      file.base && from !== undefined ? host.files.openRead(from, file.base.path) : undefined
    try {
      const made = this.#withScratch((fd) => host.packs.applyFile(pack, base, fd))
      return !('failed' in made) && made.digest === file.digest
    } finally {
      if (base !== undefined) host.files.close(base)
    }
  }

  #withScratch<Result>(use: (fd: Fd) => Result): Result {
    const { host, folder } = this.making
    const fd = host.files.createFile(folder, this.#scratch, 0o600)
    try {
      host.files.removeFile(folder, this.#scratch)
      return use(fd)
    } finally {
      host.files.close(fd)
    }
  }

  #cut(): DiskError {
    return new DiskError(`${this.making.name}: the pack that was made is cut short`)
  }
}
