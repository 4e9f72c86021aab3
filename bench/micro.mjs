/**
 * `npm run bench:micro`: how much of each kind of work our C does in a second of processor time, beside a stock
 * program where there is one; and with valgrind how many instructions a byte or an entry takes, which no other work on
 * the machine changes.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from '../tools/build.mjs'
import { runCommand, wholeNumber } from '../tools/command-line.mjs'
import { measured } from '../tools/measure.mjs'
import { withScratch } from '../tools/scratch.mjs'
import { isThere } from '../tools/setup.mjs'
import { buildFolder, cacheFolder, projectFolder, SetupError } from '../tools/workplace.mjs'
import { grouped, table } from './figures.mjs'
import { prepareCases } from './micro-cases.mjs'

const RUNS = 3
const MIB = 32
const ENTRIES = 50_000
const BYTES_OF_A_MEGABYTE = 1e6

const script = join(projectFolder, 'bench/on-host.js')

async function succeeded(command, folder) {
  const result = await measured(command, { folder })
  if (result.status === 0) return result
  throw new SetupError(`status ${result.status} of: ${command.join(' ')}\n${result.output}`)
}

/** The least processor time of some runs, and what the last one printed. */
async function fastest(command, { folder, runs }) {
  let seconds = Number.POSITIVE_INFINITY
  let output = ''
  for (let i = 0; i < runs; i++) {
    const result = await succeeded(command, folder)
    seconds = Math.min(seconds, result.user + result.system)
    output = result.output
  }
  return { seconds, output }
}

/** Instructions of a command. Valgrind's processor is always the same one, and knows no SHA instructions. */
async function instructionsOf(command, folder) {
  const log = join(folder, 'instructions')
  const words = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${log}`]
  const { output } = await succeeded(['valgrind', ...words, ...command], folder)
  return Number(/I\s+refs:\s+([\d,]+)/.exec(output)?.[1].replaceAll(',', ''))
}

/** One case: ours and each stock program that is there, as amounts of a second. */
async function measureCase({ title, unit, ours, stock }, { folder, runs, host, counting }) {
  const [kind, times, ...words] = ours
  const command = [host, script, kind, String(times), ...words]
  const { seconds, output } = await fastest(command, { folder, runs })
  const amount = Number(output)
  const result = { title, unit, ours: amount / seconds, stock: [] }
  if (counting) {
    const once = [host, script, kind, '1', ...words]
    const start = await instructionsOf([host, script, 'nothing', '1'], folder)
    result.instructions = ((await instructionsOf(once, folder)) - start) / (amount / times)
  }
  for (const { amount: done, command } of stock) {
    const name = command[0]
    if (!isThere(name)) continue
    const { seconds: taken } = await fastest(command, { folder, runs })
    result.stock.push({ name, rate: done / taken })
  }
  return result
}

const shownRate = (rate, unit) =>
  unit === 'bytes'
    ? `${(rate / BYTES_OF_A_MEGABYTE).toFixed(1)} MB/s`
    : `${grouped(rate)} entries/s`

function resultTable(results) {
  return table([
    ['', 'xo-upgrade', 'instructions', 'stock programs'],
    ...results.map(({ title, unit, ours, instructions, stock }) => [
      title,
      shownRate(ours, unit),
      instructions === undefined
        ? '-'
        : `${instructions.toFixed(1)} ${unit === 'bytes' ? 'a byte' : 'an entry'}`,
      stock.map(({ name, rate }) => `${name} ${shownRate(rate, unit)}`).join(', ') || '-',
    ]),
  ])
}

const NOTES = `Of a second of processor time, starting included; the best of the runs. Instructions: without
the start, by valgrind, whose processor has no instructions for SHA. zstd writes no digest, comm
proves nothing, and rsync reads the folders that it lists. bsdiff and zstd predict nothing. Stock
programs that are missing are left out (npm run setup -- bench).`

async function main({ runs = RUNS, mib = MIB, entries = ENTRIES, instructions, json }) {
  const { program } = await build()
  const host = join(buildFolder, 'x86_64/host-publisher')
  await withScratch(cacheFolder, 'bench-micro', async (folder) => {
    const place = (...parts) => join(folder, ...parts)
    const publisher = `${program}-publisher`
    const device = join(buildFolder, 'x86_64/host')
    const cases = await prepareCases({ place, host: device, publisher, mib, entries })
    const results = []
    for (const one of cases) {
      results.push(await measureCase(one, { folder, runs, host, counting: instructions }))
    }
    process.stdout.write(`${resultTable(results)}\n\n${NOTES}\n`)
    if (json) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`)
  })
}

const USAGE = {
  call: 'npm run bench:micro --',
  about: 'Shows how fast each part of our C works, beside stock programs.',
  options: {
    runs: { takes: 'N', about: `how often each is run (${RUNS})`, reads: wholeNumber(1) },
    mib: { takes: 'N', about: `how much content there is (${MIB})`, reads: wholeNumber(1) },
    entries: { takes: 'N', about: `how many small files (${ENTRIES})`, reads: wholeNumber(1) },
    instructions: { about: 'also counts instructions; needs valgrind, and takes minutes' },
    json: { takes: 'FILE', about: 'writes the figures there, too' },
  },
  needs: ({ instructions }) => ['build', ...(instructions ? ['instructions'] : [])],
}

await runCommand(import.meta.url, USAGE, main)
