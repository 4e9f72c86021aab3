/**
 * What both sides of the native modules do when the kernel refuses: each runs under strace, which answers
 * in the kernel's place. The cases are in refusals/cases.ts, the acts in refusals/acts.ts.
 */
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { formatManifestLine } from '../../src/release/manifest-line.ts'
import { nodeHost } from '../support/host.ts'
import { needStrace } from '../support/needs.ts'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { skip, suite } from '../support/suite.ts'
import { bundleForHost } from './bundle.ts'
import { Kit } from './kit.ts'
import { CASES, type Case } from './refusals/cases.ts'
import { changed, find, type Planted, TreeKit } from './tree-kit.ts'

type Side = 'host' | 'node'

const DEADLINE_MS = 60_000
const trees = new TreeKit(new Kit(nodeHost(), realpathSync(scratch('refusals'))))
const hostBundle = join(scratch('refusals-bundle'), 'refusals.js')
const xattrs = trees.kit.someXattrs(trees.kit.fresh())
const pathOf = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`)

/** A folder with everything that acts work on; a new one for each, since most change it. */
function prepared(): string {
  const { kit } = trees
  const root = kit.fresh()
  const folder = pathOf(root)
  for (const name of ['d', 'n', 'n/e', 'deep', 'deep/er', 'made']) mkdirSync(join(folder, name))
  for (const name of ['f', 'd/f', 'd/g', 'd/h', 'deep/er/f'])
    kit.put(root, name, `content of ${name}`)
  kit.host.files.setMetadata(root, 'f', kit.metadata({ xattrs }))
  const entries = trees.entries([
    { path: '.', type: 'dir' },
    { path: 'd', type: 'dir' },
    { path: 'f', xattrs },
  ])
  const tree = trees.plant(entries)
  kit.put(tree.root, 'd/extra')
  trees.kit.host.files.setMetadata(tree.root, 'd', find(entries, 'd'))
  const touched = { ...find(entries, 'f'), modified: { seconds: 1, nanoseconds: 2 } }
  writeFileSync(join(folder, 'manifest'), textOf(entries))
  writeFileSync(join(folder, 'touched'), textOf(changed(entries, touched)))
  symlinkSync(pathOf(tree.root), join(folder, 'tree'))
  return folder
}

const textOf = (entries: Planted[]) =>
  `#mtree v2.0\n${entries.map((each) => `${formatManifestLine(each)}\n`).join('')}`

const program: Record<Side, string[]> = {
  host: [HOST, hostBundle],
  node: [process.execPath, fileURLToPath(new URL('refusals/node.js', import.meta.url))],
}

function of<T extends string | number>(side: Side, value: T | Record<Side, T>): T {
  return typeof value === 'object' ? value[side] : value
}

/** What a side says about an act whose calls are refused with this code. */
function said(side: Side, { act, calls, when, only }: Case, code: string): Promise<string> {
  const folder = prepared()
  const names = of(side, calls)
  const place = when === undefined ? '' : `:when=${of(side, when)}`
  // The tree is a link, and strace gets the path that it leads to, which handles have but no act ever names.
  const [top = '', ...below] = (only ?? '').split('/')
  const filtered = top === 'tree' ? realpathSync(join(folder, top)) : join(folder, top)
  const filter = only === undefined ? [] : ['-P', join(filtered, ...below)]
  const inject = `inject=${names}:error=${code}${place}`
  const words = ['-f', '-o', '/dev/null', '-e', `trace=${names}`, '-e', inject, ...filter]
  const command = [...words, ...program[side], act, folder]
  return new Promise((resolve) =>
    execFile('strace', command, { timeout: DEADLINE_MS }, (error, stdout, stderr) =>
      resolve(stdout || `${error ? error.message : ''}${stderr}`),
    ),
  )
}

const needs = (side: Side, { act, calls }: Case) => {
  needStrace()
  if (side === 'host' && !existsSync(HOST)) skip(`${HOST} is not built: npm run build`)
  const attributes = `${act} ${of(side, calls)}`.includes('xattr')
  if (attributes && xattrs.length === 0) skip('the file system of the tests has no attributes')
}

for (const side of ['node', 'host'] as const) {
  const test = suite(`refusals over ${side === 'node' ? 'Node' : 'the C host'}`)
  if (side === 'host') test.before(() => bundleForHost('refusals/c-host.js', hostBundle))
  for (const each of CASES) {
    test(each.name, async () => {
      needs(side, each)
      const codes = Object.keys(each.says)
      const answers = await Promise.all(codes.map((code) => said(side, each, code)))
      assert.equal(Object.fromEntries(codes.map((code, i) => [code, answers[i]])), each.says)
    })
  }
  test.run()
}
