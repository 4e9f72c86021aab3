/**
 * Signed releases that no publisher would make, on a stick that has their manifest and nothing else; and
 * what the program as it ships takes of memory with them.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Entry, formatManifestLine } from '../../src/release/manifest-line.ts'
import { signRelease } from '../../src/release/release.ts'
import { readSecretKey } from '../../src/release/signify.ts'
import { deadline } from '../support/deadline.ts'
import { PROGRAM } from '../support/program.ts'
import type { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'

const tool = new URL('../../../../tools/measure.mjs', import.meta.url).href
const { measured } = await import(tool)

const PEAK_KIB_MAX = 32 * 1024
const VERSION = 42

/** A file of so many bytes, whose content is its path as far as its digest goes; or the folder `.`. */
export function entry(path: string, size: number): Entry {
  const isFile = path !== '.'
  return {
    path,
    type: isFile ? 'file' : 'dir',
    mode: isFile ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size: isFile ? size : 0,
    modified: { seconds: 1_700_000_000, nanoseconds: 0 },
    link: '',
    major: 0,
    minor: 0,
    digest: isFile ? digestOf(path) : '',
    links: 1,
    hardLinkTo: undefined,
    xattrs: [],
  }
}

export const digestOf = (text: string | Buffer): string =>
  createHash('sha256').update(text).digest('hex')

/** A stick with the release of such a tree: `.` first, and then in the manifest's order. */
export const madeRelease = (publisher: Publisher, entries: readonly Entry[]): string =>
  releaseOfLines(
    publisher,
    entries.map(formatManifestLine),
    entries.reduce((sum, { size }) => sum + size, 0),
  )

export function releaseOfLines(
  publisher: Publisher,
  lines: readonly string[],
  imageBytes = 0,
): string {
  const stick = scratch('stick')
  const manifest = Buffer.from(`${['#mtree v2.0', ...lines].join('\n')}\n`, 'latin1')
  const release = {
    version: VERSION,
    hardware: 'any',
    deployment: 'any',
    manifestDigest: digestOf(manifest),
    manifestSize: manifest.length,
    entries: lines.length,
    imageBytes,
    jumpFrom: 0,
    issued: Math.floor(Date.now() / 1000),
    expires: undefined,
  }
  const statement = signRelease(
    release,
    readSecretKey(publisher.host, readFileSync(publisher.keys.secretFile, 'latin1')),
    '',
  )
  mkdirSync(join(stick, `${VERSION}/root`), { recursive: true })
  writeFileSync(join(stick, 'latest'), statement)
  writeFileSync(join(stick, `${VERSION}/release`), statement)
  writeFileSync(join(stick, `${VERSION}/manifest`), manifest)
  return stick
}

/** Runs the program, which must end with the status and say what is given, within the memory. */
export async function within(
  words: string[],
  status: number,
  message: RegExp,
  peakKiBMax = PEAK_KIB_MAX,
): Promise<void> {
  const run = await deadline<{ status: number; output: string; peakKiB: number }>(
    measured([PROGRAM, ...words], { folder: scratch('figures') }),
  )
  assert.match(run.output, message, `${run.peakKiB} KiB: ${run.output.slice(-2000)}`)
  assert.is(run.status, status, run.output.slice(-2000))
  assert.ok(run.peakKiB <= peakKiBMax, `${run.peakKiB} KiB`)
}
