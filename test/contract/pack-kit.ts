/** What the suites of packs work with: small trees with their manifests, and a device that takes a pack. Host-neutral. */
import type { PackedFile, PackedOutcome } from 'native:packs'
import type { Fd, Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { Kit } from './kit.ts'
import { toHex } from './sample-bytes.ts'

/** Contents by their paths, which are in order, and all in the root; entry 1 is the first. */
export type Tree = Record<string, Uint8Array>

interface Taken extends PackedFile {
  outcome: PackedOutcome
  content: Uint8Array
}

export class PackKit {
  readonly kit: Kit
  private readonly directory: Fd
  private made = 0

  constructor(
    readonly host: Host,
    scratch: Path,
  ) {
    this.kit = new Kit(host, scratch)
    this.directory = this.kit.fresh()
  }

  /** A new open file with this content. */
  file(content: Uint8Array = new Uint8Array(0)): Fd {
    const { files } = this.host
    const fd = files.createFile(this.directory, `file-${this.made++}`, 0o600)
    files.write(fd, content, 0, content.length)
    return fd
  }

  contentOf(fd: Fd): Uint8Array {
    const { files } = this.host
    const bytes = new Uint8Array(files.statHandle(fd).size)
    files.read(fd, bytes, 0, bytes.length, 0)
    return bytes
  }

  digest(content: Uint8Array): string {
    return toHex(this.host.checksums.hash('sha256', content))
  }

  manifest(tree: Tree, time = '1700000000.000000000'): string {
    const facts = `uid=0 gid=0`
    const lines = Object.entries(tree).map(([path, content]) => {
      const size = `size=${content.length} time=${time}`
      return `./${path} type=file mode=0644 ${facts} ${size} sha256digest=${this.digest(content)}\n`
    })
    return `#mtree v2.0\n. type=dir mode=0755 ${facts} time=${time}\n${lines.join('')}`
  }

  /** Takes all files of a pack, each from its base in these trees. */
  take(pack: Uint8Array, old: Tree | undefined, made: Tree): Taken[] {
    const { packs, files } = this.host
    const open: Fd[] = []
    const file = (content?: Uint8Array) => {
      const fd = this.file(content)
      open.push(fd)
      return fd
    }
    const opened = packs.openPack(file(pack), '41-42')
    const taken: Taken[] = []
    try {
      const manifests = {
        old: old && file(arrayOfBytes(this.manifest(old))),
        new: file(arrayOfBytes(this.manifest(made))),
      }
      if (!packs.openFiles(opened, manifests)) throw new Error('the pack is too short')
      while (packs.nextStretch(opened)) {
        for (let next = packs.nextFile(opened); next; next = packs.nextFile(opened)) {
          const { base } = next
          const content = base && (base.tree === 'old' ? old : made)?.[base.path]
          const target = file()
          const outcome = packs.applyFile(opened, content && file(content), target)
          taken.push({ ...next, outcome, content: this.contentOf(target) })
        }
      }
    } finally {
      packs.closePack(opened)
      for (const fd of open) files.close(fd)
    }
    return taken
  }
}
