/**
 * What a run has proved of the tree that it builds: the Node side of native:trees' Proof, which proof.c
 * explains.
 */

import type { DiskTimes } from '../../src/disk-times.ts'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Files, Path, Stat } from '../../src/host.ts'
import { parseManifestLine } from '../../src/release/manifest-line.ts'
import { differences, look, metadataOf } from './compare.node.ts'

export class Proof {
  private readonly numbers = new Set<number>()
  /** Inodes of proved files that have other names as well. */
  private readonly inodes = new Set<string>()

  constructor(
    private readonly files: Files,
    private readonly tree: Fd,
    private readonly times?: DiskTimes,
  ) {}

  holds(number: number): boolean {
    return this.numbers.has(number)
  }

  hasInode({ links, identity }: Stat): boolean {
    return links > 1 && this.inodes.has(identity)
  }

  add(number: number, { type, links, identity }: Stat): void {
    this.numbers.add(number)
    if (type === 'file' && links > 1) this.inodes.add(identity)
  }

  settle(number: number, line: string, directory: Fd, name: Path): void {
    const entry = parseManifestLine(line)
    const { path } = entry
    try {
      this.files.setMetadata(directory, name, metadataOf(entry))
      this.files.rename(directory, name, this.tree, path)
    } catch (error) {
      if (isSystemError(error)) error.message = error.message.replace(name, path)
      throw error
    }
    const stat = look(this.files, this.tree, path)
    if (stat?.links !== 1 || entry.links !== 1) return
    const wrong = differences(this.files, this.tree, entry, stat, this.times)
    if (wrong.length === 0) this.add(number, stat)
  }
}
