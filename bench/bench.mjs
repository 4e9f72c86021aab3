/**
 * `npm run bench`: upgrades between two trees with `xo-upgrade` and with stock rsync, from the same
 * daemon, in turns, and prints what each cost. Everything that it makes is in one scratch folder,
 * which is gone when it ends, however it ends.
 */
import { writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { build } from '../tools/build.mjs'
import {
  existingFile,
  existingFolder,
  oneOf,
  runCommand,
  UsageError,
  wholeNumber,
} from '../tools/command-line.mjs'
import { makeDemoTrees } from '../tools/demo/trees.mjs'
import { withScratch } from '../tools/scratch.mjs'
import { newestRsync } from '../tools/sources/rsync-binaries.mjs'
import { cacheFolder, run } from '../tools/workplace.mjs'
import { CASES, CONTENDERS } from './cases.mjs'
import { caseTable, grouped, mediansOf, othersTable, ratiosOf } from './figures.mjs'
import { measureOthers } from './others.mjs'
import { plot } from './plot.mjs'
import { LINE, openWorkbench } from './workbench.mjs'

const RUNS = 3
const KEYS = CASES.map(({ key }) => key)

const USAGE = {
  call: 'npm run bench --',
  about: 'Upgrades with xo-upgrade and with stock rsync, in turns, and prints what each cost.',
  options: {
    old: {
      takes: 'TREE',
      about: 'a root file system, with --new (the demonstration, small)',
      reads: existingFolder,
    },
    new: { takes: 'TREE', about: 'another one, to upgrade to', reads: existingFolder },
    big: { about: 'a pair of a laptop with its full system instead, made of Debian packages' },
    runs: { takes: 'N', about: `how often each is run (${RUNS})`, reads: wholeNumber(1) },
    case: { takes: 'NAME', about: `only: ${KEYS.join(', ')}`, many: true, reads: oneOf(KEYS) },
    line: { about: 'also over a line of 2 Mbit/s with 300 ms of delay; counts round trips' },
    others: { about: 'also what OSTree, casync and bsdiff fetch (`npm run setup -- bench`)' },
    json: { takes: 'FILE', about: 'where every run, the medians and the ratios are written' },
    svg: { takes: 'FILE', about: 'where the medians are drawn' },
    program: { takes: 'FILE', about: 'another xo-upgrade (of this checkout)', reads: existingFile },
    scratch: {
      takes: 'FOLDER',
      about: 'where to work (.cache); needs some four trees more each run',
      reads: existingFolder,
    },
  },
  check({ old, new: newer, big }) {
    if ((old === undefined) !== (newer === undefined)) {
      throw new UsageError('--old and --new belong together')
    }
    if (big && old !== undefined) throw new UsageError('--big and --old exclude each other')
  },
  needs: ['build'],
}

async function treesOf({ old, new: newer, big }) {
  return old === undefined ? makeDemoTrees({ big }) : { old, new: newer }
}

async function sizeOf(tree) {
  const count = await run(['bash', '-c', 'find "$1" -printf x | wc -c', 'count', tree])
  const bytes = await run(['du', '-sb', tree])
  return { entries: Number(count), bytes: Number(bytes.split('\t')[0]) }
}

async function machine(folder) {
  const fileSystem = (await run(['stat', '-f', '-c', '%T', folder])).trim()
  const [{ model }] = cpus()
  return {
    processor: model,
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    fileSystem,
  }
}

/** One run of one contender; the first one is checked against the tree that was published. */
async function runOnce(bench, trees, oneCase, contender, first) {
  const side = oneCase[contender.side]
  await side.reset(bench)
  const figures = await bench.measure(side.command(bench, contender.options))
  if (!first) return figures
  // -a brings no hard links and no capabilities, so rsync's own tree is held only to what -a promises.
  const compare = contender.side === 'upgrader' ? '-aniHX' : '-ani'
  const difference = await bench.difference(trees[oneCase.tree], side.made, compare)
  if (difference !== '') {
    const lines = difference.split('\n')
    throw new Error(
      `${oneCase.title}: what ${contender.name} made differs from what was published in ` +
        `${lines.length} entries:\n${lines.slice(0, 20).join('\n')}`,
    )
  }
  return figures
}

/**
 * One contender over a slow line, once: the seconds at the line's rate, and the round trips where nothing
 * but the delay counts.
 */
async function overLine(bench, oneCase, contender) {
  const side = oneCase[contender.side]
  const measure = async (shape) => {
    await side.reset(bench)
    return bench.measureOver(shape, () => side.command(bench, contender.options))
  }
  const { roundTripMs } = LINE
  const { roundTrips } = await measure({ roundTripMs })
  const { wall } = await measure(LINE)
  return { roundTrips, lineWall: wall }
}

/** All runs of one case, the contenders in turns, each round beginning with another one. */
async function runCase(bench, trees, oneCase, { runs, line, say }) {
  const collected = new Map(CONTENDERS.map(({ key }) => [key, []]))
  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < CONTENDERS.length; turn++) {
      const contender = CONTENDERS[(turn + round) % CONTENDERS.length]
      say(`${oneCase.title}: ${contender.name}, run ${round + 1} of ${runs}`)
      const figures = await runOnce(bench, trees, oneCase, contender, round === 0)
      collected.get(contender.key).push(figures)
    }
  }
  const contenders = []
  for (const contender of CONTENDERS) {
    const { key, name } = contender
    const own = collected.get(key)
    if (line) say(`${oneCase.title}: ${name}, over a slow line`)
    const slow = line ? await overLine(bench, oneCase, contender) : {}
    contenders.push({ key, name, medians: { ...mediansOf(own), ...slow }, runs: own })
  }
  const reference = contenders.at(-1).medians
  const ratios = Object.fromEntries(
    contenders.slice(0, -1).map(({ key, medians }) => [key, ratiosOf(medians, reference)]),
  )
  return { key: oneCase.key, title: oneCase.title, about: oneCase.about, contenders, ratios }
}

function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else process.stderr.write(`${text}\n`)
}

const quiet = () => process.stderr.isTTY && process.stderr.write('\r\x1b[K')

const NOTES = `wall: the client alone, page cache warm. +sync: until the disk has it all; xo-upgrade syncs before
it commits, rsync does not, so a \`sync -f\` follows it. CPU: user + system. client MiB: peak of
the largest process; rsync has two or three. Written: pages of files and folders that it made
dirty. Bytes: payload of TCP, both programs counted by the
kernel on the server's side. xo-upgrade also verifies, and keeps hard links and capabilities; -a
alone does not. Round trips: waits for the other side, one after the other, handshakes included,
where nothing but 300 ms of delay counts; slow line: 2 Mbit/s each way and that delay.`

function treesText({ old, new: newer }) {
  const size = `${grouped(newer.bytes / 1e6)} MB`
  return `${grouped(old.entries)} to ${grouped(newer.entries)} entries, ${size}`
}

function summary({ runs, rsync, trees, machine }) {
  const { processor, cores, kernel, fileSystem } = machine
  return (
    `Medians of ${runs} ${runs === 1 ? 'run' : 'runs'}; rsync ${rsync}; ${treesText(trees)}; ` +
    `${processor}, ${cores} cores, Linux ${kernel}, ${fileSystem}`
  )
}

/** Runs the chosen cases one after the other and shows each when it is done; the whole record. */
async function runCases({ bench, trees, cases, chosen, record }) {
  const done = new Set()
  for (const oneCase of cases) {
    await oneCase.prepare(bench, done)
    const result = await runCase(bench, trees, oneCase, { ...chosen, say })
    done.add(oneCase.key)
    record.cases.push(result)
    quiet()
    process.stdout.write(`\n${result.title}\n${result.about}\n\n${caseTable(result)}\n`)
  }
}

/** Other programs of the field over the same trees, once. */
async function runOthers(place) {
  const { results, missing } = await measureOthers({ ...place, say })
  quiet()
  process.stdout.write(`\nOther programs, over HTTP\n\n${othersTable(results)}\n`)
  for (const program of missing) {
    process.stdout.write(`${program} is not installed: \`npm run setup -- bench\`\n`)
  }
  return results
}

async function main(given) {
  const chosen = { runs: RUNS, scratch: cacheFolder, ...given }
  const program = chosen.program ?? (await build()).program
  const source = await treesOf(chosen)
  const rsync = await newestRsync()
  const cases = CASES.filter(({ key }) => !chosen.case || chosen.case.includes(key))
  await withScratch(chosen.scratch, 'bench', async (folder) => {
    const needed = new Set(cases.map(({ key }) => key))
    const place = { folder, program, rsync, oldTree: source.old, newTree: source.new }
    const { bench, trees } = await openWorkbench({ ...place, needed, say })
    const record = {
      time: new Date().toISOString(),
      machine: await machine(folder),
      rsync: rsync.version,
      trees: { old: await sizeOf(source.old), new: await sizeOf(source.new) },
      runs: chosen.runs,
      cases: [],
    }
    await runCases({ bench, trees, cases, chosen, record })
    if (chosen.others)
      record.others = await runOthers({ folder, old: source.old, newer: source.new })
    process.stdout.write(`\n${NOTES}\n\n${summary(record)}\n`)
    const caption = `${treesText(record.trees)}; rsync ${record.rsync}; ${record.machine.processor}`
    if (chosen.svg) writeFileSync(chosen.svg, plot(record, caption))
    if (chosen.json) writeFileSync(chosen.json, `${JSON.stringify(record, undefined, 2)}\n`)
  })
}

await runCommand(import.meta.url, USAGE, main)
