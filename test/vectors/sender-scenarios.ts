/**
 * The sessions that `tools/capture-wire.mjs` records between stock clients and stock daemons, and that
 * `sender.test.ts` plays to a server again with the client's side. Who changes them records again.
 */
import { lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from '../support/device.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { makeTree as makeFiles, TREE } from './scenarios.ts'

interface SenderScenario {
  name: string
  words: string[]
  paths: string[]
  /** A list of names that the words call `@names`. */
  names?: string
}

/** With a seed of its own and one list, a client says the same whoever serves it. */
const FIXED = ['--checksum-seed=7', '--no-inc-recursive']

export const SENDER_SCENARIOS: SenderScenario[] = [
  { name: 'archive', words: ['-rltpH', ...FIXED], paths: [''] },
  { name: 'owners', words: ['-a', ...FIXED], paths: ['42/'] },
  { name: 'zstd', words: ['-rltz', '-I', '-B700', ...FIXED], paths: [''] },
  { name: 'zlibx', words: ['-rltz', '-I', '--zc=zlibx', '--cc=md5', ...FIXED], paths: [''] },
  { name: 'by-checksum', words: ['-rltc', '--cc=xxh64', ...FIXED], paths: [''] },
  { name: 'protocol-30', words: ['-rlt', '-I', '--protocol=30', ...FIXED], paths: ['42/'] },
  { name: 'protocol-31', words: ['-rltpH', '--protocol=31', ...FIXED], paths: ['42/root'] },
  { name: 'listing', words: ['-r', '--list-only', ...FIXED], paths: [''] },
  {
    name: 'names',
    words: ['-rlt', '--files-from=@names', '--from0', ...FIXED],
    paths: [''],
    names: 'latest\x0042/root/usr/lib/text\x00gone\x00link\x00',
  },
  {
    name: 'excluded',
    words: ['-rlt', '--exclude=/42/root/e*', '--exclude=*odd*', ...FIXED],
    paths: [''],
  },
]

/** Runs a scenario with a stock client; only the names that are missing may be wrong with it. */
export async function playStock(
  program: string,
  port: number,
  { words, paths, names }: SenderScenario,
): Promise<void> {
  const folder = scratch('client')
  const target = join(folder, 'target')
  makeOlder(target, paths)
  if (names !== undefined) writeFileSync(join(folder, 'names'), names)
  const sources = paths.map((path) => `rsync://127.0.0.1:${port}/xo/${path}`)
  const given = words.map((word) => word.replace('@', `${folder}/`))
  const to = words.includes('--list-only') ? [] : [`${target}/`]
  const { status, stderr } = await run([...given, ...sources, ...to], { program })
  if (status !== (names === undefined ? 0 : 23)) throw new Error(`${status}: ${stderr}`)
}

const SECONDS = 1_700_000_000

/** The module; nothing in it depends on when or where it is made. */
export function makeModule(folder: string): void {
  makeFiles(folder)
  symlinkSync('42/release', join(folder, 'link'))
  mustRun('ln', [join(folder, '42/manifest'), join(folder, '42/root/same')])
  mustRun('chmod', ['-R', 'u=rwX,go=rX', folder])
  lutimesSync(join(folder, 'link'), SECONDS + 1, SECONDS + 1)
  const paths = ['42/root/usr/lib', '42/root/usr', '42/root/etc', '42/root', '42', '.']
  for (const name of [...Object.keys(TREE), ...paths]) {
    const path = Buffer.from(join(folder, name), 'latin1')
    utimesSync(path, SECONDS, SECONDS + name.length + 0.125)
  }
}

/** What the client has before. */
export const OLDER: Record<string, string> = Object.fromEntries(
  ['42/manifest', '42/root/usr/lib/text'].map((name) => {
    const text = TREE[name] ?? ''
    return [name, text.slice(0, 1000) + text.slice(1100).replace(' 7', ' seven')]
  }),
)

/** Puts it where a client that asks for these paths looks for it. */
function makeOlder(target: string, [path = '']: string[]): void {
  mkdirSync(target, { recursive: true })
  for (const [name, content] of Object.entries(OLDER)) {
    const file = join(target, name.startsWith(path) ? ownName(name, path) : name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
}

/** What a name of the module is called in a transfer of one path. */
function ownName(name: string, path: string): string {
  if (path === '') return name
  return path.endsWith('/') ? name.slice(path.length) : name.slice(dirname(path).length + 1)
}

/** And back. */
export function moduleName(name: string, [path = '']: string[]): string {
  if (path === '') return name
  return path.endsWith('/') ? path + name : `${dirname(path)}/${name}`
}
