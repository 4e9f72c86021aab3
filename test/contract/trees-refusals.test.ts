/**
 * A live file that can't be linked or opened is left to others, whatever the kernel's reason; anything
 * else that fails ends the job. Both sides, for each errno that the C side names: over Node with files
 * that refuse, over the C host under strace, which refuses in the kernel's place.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { files } from '../../native/files/files.node.ts'
import { systemErrorOf } from '../../native/system-error.node.ts'
import type { Files } from '../../src/host.ts'
import { nodeHost } from '../support/host.ts'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { fails, Kit } from './kit.ts'
import { changed, find, type Planted, TreeKit } from './tree-kit.ts'

const folder = scratch('trees-refusals')

/** The errnos of `is_of_source`, and one that says nothing of the source. */
const source = readFileSync('native/trees/reconcile.c', 'utf8')
const [, condition = ''] =
  /static bool is_of_source\(int error\) \{\s*return ([^;]*);/.exec(source) ?? []
const LEFT = [...condition.matchAll(/E[A-Z]+/g)].map(([code]) => code)
const THROWN = 'EIO'

/** The Node side over files of which one function refuses what is asked of this root. */
function refusing(name: 'hardLink' | 'openRead', code: string): TreeKit {
  const refuse = () => {
    throw systemErrorOf(name, 'f', code)
  }
  let planted = false
  const mean: Files = { ...files, [name]: (...words: never[]) => mayRefuse(...words) }
  const mayRefuse = (...words: never[]) => {
    const isOfTree = name === 'hardLink' || String(words[1]) === 'f'
    return planted && isOfTree ? refuse() : (files[name] as (...all: never[]) => unknown)(...words)
  }
  const kit = new TreeKit(new Kit(nodeHost(mean), folder))
  const plant = kit.plant.bind(kit)
  kit.plant = (entries) => {
    const tree = plant(entries)
    planted = true
    return tree
  }
  return kit
}

const seeds = [{ path: '.', type: 'dir' as const }, { path: 'f' }]
const touched = (entries: Planted[]) =>
  changed(entries, { ...find(entries, 'f'), modified: { seconds: 1, nanoseconds: 2 } })

test('the C side names what it leaves', () => {
  assert.ok(LEFT.length >= 5 && !LEFT.includes(THROWN), LEFT.join(' '))
})

test('Node: a file that can not be linked is left as edited', () => {
  for (const code of [...LEFT, THROWN]) {
    const kit = refusing('hardLink', code)
    const live = kit.plant(kit.entries(seeds))
    const run = () => kit.reconcile(live.entries, kit.kit.fresh(), kit.live(live))
    if (code === THROWN) fails(code, run)
    else
      assert.equal(
        run().undone.map(({ reason }) => reason),
        ['edited'],
        code,
      )
  }
})

test('Node: a file that can not be opened is left as changed', () => {
  for (const code of [...LEFT, THROWN]) {
    const kit = refusing('openRead', code)
    const live = kit.plant(kit.entries(seeds))
    const run = () => kit.reconcile(touched(live.entries), kit.kit.fresh(), kit.live(live))
    if (code === THROWN) fails(code, run)
    else
      assert.equal(
        run().undone.map(({ reason }) => reason),
        ['changed'],
        code,
      )
  }
})

const PROGRAM = `
import * as files from 'native:files'
import * as processes from 'native:processes'
import * as trees from 'native:trees'
const [manifest, tree, root] = processes.argv.slice(-3)
const open = () => files.openFile(manifest)
const live = { manifest: open(), root: files.openRoot(root) }
const options = { manifest: open(), tree: files.openRoot(tree), live, dryRun: false }
const job = trees.openReconcile(options)
let said
try {
  said = trees.reconcile(job, 100).undone.map(({ reason }) => reason).join()
} catch (error) {
  said = error.code
}
files.write(1, Uint8Array.from(said, (letter) => letter.charCodeAt(0)), 0, said.length)
`

test('the C host: a file that can not be linked is left as edited', () => {
  if (!existsSync(HOST)) skip(`${HOST} is not built: npm run build`)
  const probe = spawnSync('strace', ['-o', '/dev/null', 'true'])
  if (probe.status !== 0) skip('strace is not here, or may not trace (npm run setup)')
  const kit = new TreeKit(new Kit(nodeHost(), folder))
  const live = kit.plant(kit.entries(seeds))
  const path = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`)
  const script = join(folder, 'refusals.js')
  writeFileSync(script, PROGRAM)
  const said = (code: string) => {
    const inject = ['-e', 'trace=linkat', '-e', `inject=linkat:error=${code}`]
    const words = [path(kit.manifest(live.entries)), path(kit.kit.fresh()), path(live.root)]
    const command = ['-o', '/dev/null', ...inject, HOST, script, ...words]
    const { stdout, stderr } = spawnSync('strace', command, { encoding: 'utf8', timeout: 60_000 })
    return stdout || stderr
  }
  for (const code of LEFT) assert.is(said(code), 'edited', code)
  assert.is(said(THROWN), THROWN)
})

test.run()
