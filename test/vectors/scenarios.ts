/**
 * The sessions that `tools/capture-wire.mjs` records against stock daemons, and that
 * `replay.test.ts` plays back. Who changes them records again.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Session, type SessionModules, type SessionOptions } from '../../src/rsync/session.ts'
import { Fetched, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'

interface Scenario {
  name: string
  options: Pick<SessionOptions, 'selection' | 'compression'> & Partial<SessionOptions>
  /** Files to fetch, with the content of a local basis where there is one. */
  wanted: Map<string, string | undefined>
}

const lines = (count: number, word: string) =>
  Array.from({ length: count }, (_, i) => `${word} ${(i * 7919) % 1013}\n`).join('')

/** What the module holds. */
export const TREE: Record<string, string> = {
  latest: 'kind=release\nversion=42\n',
  '42/release': 'kind=release\nversion=42\n',
  '42/manifest': lines(250, 'entry'),
  '42/root/etc/empty': '',
  '42/root/etc/passwd': 'root:x:0:0::/:/bin/sh\n',
  '42/root/usr/lib/\xff odd\nname': 'odd',
  '42/root/usr/lib/text': lines(300, 'text'),
}

const older = (text: string) => text.slice(0, 1000) + text.slice(1100).replace('text 7', 'more 7')

export const SCENARIOS: Scenario[] = [
  {
    name: 'paths-zstd',
    options: {
      selection: { kind: 'paths', paths: ['latest', '*/manifest', 'missing'] },
      compression: 'auto',
    },
    wanted: new Map([
      ['latest', undefined],
      ['42/manifest', older(lines(250, 'entry'))],
    ]),
  },
  {
    name: 'tree-zlibx-delta',
    options: {
      selection: { kind: 'tree', under: '42/root' },
      compression: 'zlibx',
      checksums: ['md5'],
    },
    wanted: new Map([
      ['etc/empty', undefined],
      ['etc/passwd', 'root'],
      ['usr/lib/text', older(lines(300, 'text'))],
    ]),
  },
  {
    name: 'names-protocol-30',
    options: {
      selection: {
        kind: 'files-from',
        under: '42/root',
        names: ['usr/lib/\xff odd\nname', 'usr/lib/text', 'gone'],
      },
      compression: 'none',
      checksums: ['xxh64'],
      protocol: 30,
    },
    wanted: new Map([
      ['usr/lib/\xff odd\nname', undefined],
      ['usr/lib/text', older(lines(300, 'text'))],
    ]),
  },
  {
    name: 'names-no-negotiation',
    options: {
      selection: { kind: 'files-from', under: '42/root', names: ['etc/passwd'] },
      compression: 'none',
      protocol: 31,
      capabilities: 'LsfxC',
    },
    wanted: new Map([['etc/passwd', undefined]]),
  },
]

export function makeTree(folder: string): void {
  for (const [name, content] of Object.entries(TREE)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true })
    writeFileSync(Buffer.from(join(folder, name), 'latin1'), content)
  }
}

/** Runs a scenario; gives what came. */
export async function play(
  modules: SessionModules,
  port: number,
  { options, wanted }: Scenario,
  folder = scratch('scenario'),
): Promise<Fetched[]> {
  const session = await Session.open(modules, {
    ...optionsFor(port, options.selection),
    ...options,
  })
  const files: Fetched[] = []
  for (const [name, basis] of wanted) {
    const basisPath = basis === undefined ? undefined : join(folder, `basis-${files.length}`)
    if (basisPath !== undefined) writeFileSync(basisPath, basis ?? '')
    files.push(new Fetched(name, folder, basisPath))
  }
  try {
    await session.fetch(files.map((file) => file.wanted()))
    await session.finish()
  } finally {
    session.close()
    for (const file of files) file.close()
  }
  return files
}
