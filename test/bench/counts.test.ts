/**
 * What an upgrade and an install ask of the kernel, and what C holds of a large tree, against the limits in
 * count-limits.ts.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { longManifest } from '../support/long-manifest.ts'
import { needStrace } from '../support/needs.ts'
import { HOST, PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { file, folder, hardLink, link, type Tree } from '../support/tree.ts'
import {
  ENTRIES_OF_A_MEBIBYTE,
  INSTALL_CALLS_MAX,
  KINDS,
  type Kind,
  UPGRADE_CALLS_MAX,
} from './count-limits.ts'

const FOLDERS = 60
const FILES = 30
const NEW_TIME = 1_800_000_000

let daemon: Daemon
const publisher = new Publisher()

/** The content, the time, or nothing is new in each file of the second version. */
function image(version: 1 | 2): Tree {
  const tree: Tree = new Map([['.', folder()]])
  for (let f = 0; f < FOLDERS; f++) {
    const parent = `folder-${f}`
    tree.set(parent, folder())
    for (let i = 0; i < FILES; i++) {
      const path = `${parent}/file-${i}`
      const isNew = version === 2
      if (i < 2) tree.set(path, file(`${path} of ${version}`))
      else if (i < 4) tree.set(path, file(path, isNew ? { seconds: NEW_TIME } : {}))
      else if (i === 4) tree.set(path, link('somewhere/else'))
      else tree.set(path, file(path))
    }
    tree.set(`${parent}/second-name`, hardLink(`${parent}/file-9`))
  }
  return tree
}

test.before(async () => {
  publisher.publish(1, image(1))
  publisher.publish(2, image(2))
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
})

test.after(() => daemon.stop())

/** Runs a command of the device; the calls that it made, by their names. */
async function counted(device: Device, command: string, words: string[] = []) {
  const log = join(scratch('strace'), 'log')
  const program = join(scratch('strace'), 'traced')
  const script = `#!/bin/sh\nexec strace -f -c -o ${log} ${PROGRAM} "$@"\n`
  writeFileSync(program, script, { mode: 0o755 })
  await device.succeed(command, words, { program })
  const calls = new Map<string, number>()
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const row = /^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$/.exec(line)
    if (row?.[2] !== 'total') calls.set(row?.[2] ?? '', Number(row?.[1]))
  }
  return calls
}

/** By kind: so many calls for each hundred entries, and how many are allowed, of those that are over it. */
function tooMany(calls: Map<string, number>, limits: Record<Kind, number>): string[] {
  const hundreds = image(2).size / 100
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) => {
    const sum = KINDS[kind].reduce((all, name) => all + (calls.get(name) ?? 0), 0)
    const count = kind === 'fsync' ? sum : sum / hundreds
    return count <= limits[kind] ? [] : [`${kind}: ${count.toFixed(1)} of ${limits[kind]}`]
  })
}

test('an install and an upgrade make no more system calls than they may', async () => {
  needStrace()
  const source = `rsync://127.0.0.1:${daemon.port}/xo`
  const device = new Device({ sources: [source], keys: publisher.keys.publicFile })
  const install = await counted(device, 'install', ['--version', '1'])
  const upgrade = await counted(device, 'upgrade')
  assert.ok((upgrade.get('linkat') ?? 0) > FOLDERS * 20, 'the calls were counted')
  assert.equal(tooMany(install, INSTALL_CALLS_MAX), [])
  assert.equal(tooMany(upgrade, UPGRADE_CALLS_MAX), [])
})

test('what C holds of a large tree of which little changes is little', () => {
  const [live, target] = [
    longManifest(ENTRIES_OF_A_MEBIBYTE),
    longManifest(ENTRIES_OF_A_MEBIBYTE, 7),
  ]
  const script = join(scratch(), 'script.js')
  writeFileSync(
    script,
    `import * as files from 'native:files'
    import * as trees from 'native:trees'
    const live = { manifest: files.openFile('${live}'), root: files.openRoot('/') }
    const manifest = files.openFile('${target}')
    const tree = files.openRoot('${scratch()}')
    const proof = trees.openProof(tree)
    const indexes = [
      trees.openDigests(live.manifest, { wantedBy: manifest }),
      trees.openDigests(manifest, { without: live.manifest }),
      trees.openDigests(manifest, { repeated: true }),
    ]
    const job = trees.openReconcile({ manifest, tree, live, dryRun: true, unseen: true, proof })
    const { done, linked, undoneFiles } = trees.reconcile(job, 1e9)
    trees.extras(manifest, tree, { remove: true, pathsMax: 1 })
    const said = done + ' ' + linked + ' ' + undoneFiles
    files.write(1, Uint8Array.from(said, (unit) => unit.charCodeAt(0)), 0, said.length)`,
  )
  const env = { PATH: process.env.PATH, XO_NATIVE_MEMORY_LIMIT_MB: '1' }
  const { stdout, stderr } = spawnSync(HOST, [script], { encoding: 'utf8', timeout: 60_000, env })
  assert.is(stdout, `true ${ENTRIES_OF_A_MEBIBYTE - 1} 1`, stderr)
})

test.run()
