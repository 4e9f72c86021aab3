/**
 * What a power cut leaves of a disk. QEMU's `blklogwrites` has recorded every write and every flush;
 * what was flushed is certain, and of what came after the last flush a disk with a cache of its own
 * may have kept all, nothing, or any part in any order, down to single sectors.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'

/** The log's own format: one sector that names it, then entries of one sector and their data. */
const SECTOR_BYTES = 512
const MAGIC = 0x6a736677736872n
const FLUSH = 1n
const DISCARD = 4n

interface Write {
  /** Where the same bytes are on the disk and in the log. */
  offset: number
  logOffset: number
  length: number
}

interface Log {
  /** What was written before the last flush. */
  certain: Write[]
  /** What was written after it. */
  pending: Write[]
  flushes: number
}

/** How much the disk has kept of what was never flushed. */
export type Loss = 'nothing' | 'all' | 'some'

/** Reads the log of a machine that may have been ended in the middle of an entry. */
export function readLog(file: string): Log {
  const log: Log = { certain: [], pending: [], flushes: 0 }
  const fd = openSync(file, 'r')
  try {
    const size = fstatSync(fd).size
    const header = Buffer.alloc(SECTOR_BYTES)
    readSync(fd, header, 0, SECTOR_BYTES, 0)
    if (header.readBigUInt64LE(0) !== MAGIC) throw new Error(`${file} is no log of writes`)
    for (let place = SECTOR_BYTES; place + SECTOR_BYTES <= size; ) {
      readSync(fd, header, 0, SECTOR_BYTES, place)
      const sector = Number(header.readBigUInt64LE(0))
      const length = Number(header.readBigUInt64LE(8)) * SECTOR_BYTES
      const flags = header.readBigUInt64LE(16)
      // Where nothing was written yet the file is empty.
      if (length === 0 && flags === 0n) break
      place += SECTOR_BYTES
      if ((flags & DISCARD) !== 0n) continue
      if ((flags & FLUSH) !== 0n) {
        log.certain.push(...log.pending.splice(0))
        log.flushes++
      }
      if (length === 0) continue
      log.pending.push({ offset: sector * SECTOR_BYTES, logOffset: place, length })
      place += length
    }
  } finally {
    closeSync(fd)
  }
  return log
}

/**
 * Brings a disk, as it was before the machine started, to what the power cut left of it. `random` is
 * asked only where some of the last writes are lost.
 */
export function applyLog(
  disk: string,
  file: string,
  log: Log,
  loss: Loss,
  random: () => number,
): void {
  const from = openSync(file, 'r')
  const to = openSync(disk, 'r+')
  try {
    for (const write of log.certain) copy(from, to, write)
    if (loss === 'all') return
    for (const write of log.pending) {
      if (loss === 'nothing') copy(from, to, write)
      else for (const part of surviving(write, random)) copy(from, to, part)
    }
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

/** What is kept of one write: all, nothing, or some of its sectors. */
function surviving(write: Write, random: () => number): Write[] {
  const fate = random()
  if (fate < 0.4) return [write]
  if (fate < 0.8) return []
  const kept: Write[] = []
  for (let at = 0; at < write.length; at += SECTOR_BYTES) {
    if (random() < 0.5) continue
    const { offset, logOffset } = write
    kept.push({ offset: offset + at, logOffset: logOffset + at, length: SECTOR_BYTES })
  }
  return kept
}

function copy(from: number, to: number, { offset, logOffset, length }: Write): void {
  const bytes = Buffer.alloc(length)
  const read = readSync(from, bytes, 0, length, logOffset)
  writeSync(to, bytes, 0, read, offset)
}
