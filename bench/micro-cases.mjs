/**
 * What `npm run bench:micro` measures: each case with the work of our C (on-host.js) and a stock program that does
 * the same or nearly the same. Here all that they work on is made, in one scratch folder.
 */
import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '../tools/tests/transpile.mjs'
import { run } from '../tools/workplace.mjs'

const MIB = 1024 * 1024
const FILES_OF_A_FOLDER = 1000
/** Of the manifest's entries one in so many has a new content. */
const CHANGED_EVERY = 50
const NEW_TIME = 2_000_000_000

/** So often that it comes to about as many as wished. */
const timesFor = (wished, once) => Math.max(1, Math.round(wished / once))

/** Two trees of one program, which is another build in the second; and two of many small files. */
function makeTrees(place, { programs, entries }) {
  programs.forEach((program, version) => {
    const [one, many] = [place('program', `${version + 1}`), place('many', `${version + 1}`)]
    mkdirSync(one, { recursive: true })
    copyFileSync(program, join(one, 'program'))
    for (let i = 0; i < entries; i++) {
      const folder = join(many, `folder-${Math.floor(i / FILES_OF_A_FOLDER)}`)
      if (i % FILES_OF_A_FOLDER === 0) mkdirSync(folder, { recursive: true })
      const file = join(folder, `file-${i}`)
      writeFileSync(file, `${i} of ${i % CHANGED_EVERY === 0 ? version : 'both'}`)
      utimesSync(file, NEW_TIME, NEW_TIME)
    }
  })
}

async function publish(place, publisher) {
  await run([publisher, 'keygen', '--to', place('keys')])
  for (const name of ['program', 'many']) {
    const to = place('modules', name)
    mkdirSync(to, { recursive: true })
    for (const [version, from] of [
      ['1', 'none'],
      ['2', '1'],
    ]) {
      const words = ['--image', place(name, version), '--version', version, '--to', to]
      const key = place('keys', 'release.sec')
      await run([publisher, 'publish', '--any-tree', ...words, '--key', key, '--delta-from', from])
    }
  }
}

/** The list that a daemon would send of the small files. */
async function writeList(path, entries) {
  const { ListEncoder } = await load('test/contract/list-bytes.ts')
  const encoder = new ListEncoder({ protocol: 31, varintFlags: true })
  const common = { size: 0, modifiedSeconds: NEW_TIME }
  const folders = new Set()
  const parts = [encoder.entry({ ...common, name: '.', mode: 0o40755 })]
  for (let i = 0; i < entries; i++) {
    const folder = `folder-${Math.floor(i / FILES_OF_A_FOLDER)}`
    if (!folders.has(folder)) parts.push(encoder.entry({ ...common, name: folder, mode: 0o40755 }))
    folders.add(folder)
    parts.push(encoder.entry({ ...common, name: `${folder}/file-${i}`, mode: 0o100644 }))
  }
  writeFileSync(path, Buffer.concat([...parts, Buffer.from(encoder.end())]))
}

/** Content to hash, and a pack so often in one file that stock zstd has as much to do. */
function writeContent(place, program, mib) {
  const bytes = readFileSync(program)
  const times = timesFor(mib * MIB, bytes.length)
  writeFileSync(place('content'), Buffer.concat(Array(times).fill(bytes)))
  const pack = readFileSync(place('modules/program/deltas/0-1'))
  writeFileSync(place('frames'), Buffer.concat(Array(times).fill(pack)))
  return times
}

/** What is counted in bytes of content. bsdiff comes before bspatch, which takes what it makes. */
function contentCases({ place, of, times }) {
  const [older, newer] = [place('program/1/program'), place('program/2/program')]
  const [patch, out, folder] = [place('patch'), place('out/stock'), place('out')]
  const [oldTree, newTree] = [place('program/1'), place('program/2')]
  const [manifest, newManifest] = of('program')
  const deltas = (name) => place('modules/program/deltas', name)
  const size = readFileSync(newer).length
  const amount = readFileSync(place('content')).length
  return [
    {
      title: 'SHA-256 of a file',
      ours: ['digest', 1, place('content')],
      stock: [
        { amount, command: ['sha256sum', place('content')] },
        { amount, command: ['openssl', 'dgst', '-sha256', place('content')] },
      ],
    },
    {
      title: 'matching and coding',
      ours: ['encode', 1, oldTree, newTree, folder, 'program'],
      stock: [
        { amount: size, command: ['bsdiff', older, newer, patch] },
        { amount: size, command: ['zstd', '-19qf', `--patch-from=${older}`, newer, '-o', out] },
      ],
    },
    {
      title: 'decoding, from a base',
      ours: ['decode', times, deltas('1-2'), manifest, newManifest, oldTree, folder],
      stock: [{ amount: size, command: ['bspatch', older, out, patch] }],
    },
    {
      title: 'decoding, whole',
      ours: ['decode', times, deltas('0-1'), manifest, manifest, oldTree, folder],
      stock: [{ amount, command: ['zstd', '-dqf', place('frames'), '-o', out] }],
    },
  ]
}

/** What is counted in entries. */
function entryCases({ place, of, mib, entries: amount }) {
  const [manifest, newManifest] = of('many')
  const times = timesFor(mib * MIB, readFileSync(newManifest).length)
  const pack = place('modules/many/deltas/1-2')
  return [
    {
      title: 'manifest from a pack',
      ours: ['rebuild', times, pack, manifest, place('out'), String(amount)],
      stock: [],
    },
    {
      title: 'merge of two manifests',
      ours: ['merge', times, manifest, newManifest, place('out')],
      stock: [{ amount, command: ['comm', '--nocheck-order', '-3', manifest, newManifest] }],
    },
    {
      title: 'rsync file list',
      ours: ['list', times, place('list')],
      stock: [{ amount, command: ['rsync', '-r', '--list-only', `${place('many/2')}/`] }],
    },
  ]
}

/**
 * Makes everything, and tells the cases. `ours`: the kind of work, how often, and its words. `stock`: commands, each of
 * which does `amount` of the unit.
 */
export async function prepareCases({ place, host, publisher, mib, entries }) {
  makeTrees(place, { programs: [host, `${host}-publisher`], entries })
  await publish(place, publisher)
  await writeList(place('list'), entries)
  const times = writeContent(place, host, mib)
  mkdirSync(place('out'))
  const of = (name) => ['1', '2'].map((version) => place('modules', name, version, 'manifest'))
  const content = contentCases({ place, of, times })
  const ofEntries = entryCases({ place, of, mib, entries })
  return [
    ...content.map((one) => ({ ...one, unit: 'bytes' })),
    ...ofEntries.map((one) => ({ ...one, unit: 'entries' })),
  ]
}
