/**
 * `npm run bench:serve`: what serving costs: `xo-upgrade serve` and a stock rsync daemon, over one module, to
 * the same stock clients, many at once. Prints processor time, memory and the time of the last, and how they
 * compare.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { build } from '../tools/build.mjs'
import { oneOf, runCommand, wholeNumber } from '../tools/command-line.mjs'
import { withScratch } from '../tools/scratch.mjs'
import { newestRsync } from '../tools/sources/rsync-binaries.mjs'
import { cacheFolder } from '../tools/workplace.mjs'

const CLIENTS = [1, 20, 100]
const MEBIBYTES = 4
/** The kernel counts processor time in these (seconds), on every machine that runs this. */
const TICK = 0.01
const SAMPLE_MS = 50
const KIB_PER_MIB = 1024

const pause = (timeMs) => new Promise((resolve) => setTimeout(resolve, timeMs))

/** Bytes that no compressor makes smaller, the same each time. */
function noise(length, seed) {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** What laptops fetch: a pack, the files of an upgrade, and new versions of large files that they have. */
const CASES = {
  pack: { title: 'One pack', words: ['-tW'], path: 'pack' },
  files: { title: 'Whole files', words: ['-rtW'], path: 'files/' },
  delta: { title: 'Deltas', words: ['-rtI'], path: 'large/', hasOlder: true },
}

function makeModule(module, older, size) {
  for (const path of ['files', 'large']) mkdirSync(join(module, path), { recursive: true })
  mkdirSync(older)
  writeFileSync(join(module, 'pack'), noise(size, 1))
  const one = Math.max(1, Math.floor(size / 200))
  for (let i = 0; i < 200; i++) writeFileSync(join(module, `files/${i}`), noise(one, i))
  for (const name of ['a', 'b']) {
    const bytes = noise(size / 2, 3)
    writeFileSync(join(module, 'large', name), bytes)
    // Something in the middle is gone, and a hundredth is another.
    const before = Buffer.concat([bytes.subarray(0, size / 8), bytes.subarray(size / 8 + 777)])
    for (let at = 0; at < before.length; at += 100_000) noise(1000, at).copy(before, at)
    writeFileSync(join(older, name), before)
  }
}

/** A process and all below it. */
function treeOf(pid) {
  const found = [pid]
  for (const one of found) {
    try {
      for (const task of readdirSync(`/proc/${one}/task`)) {
        const text = readFileSync(`/proc/${one}/task/${task}/children`, 'latin1').trim()
        if (text !== '') found.push(...text.split(' ').map(Number))
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}

/** Memory that is its own, or its share of what it has together with others, of all processes (KiB). */
function memoryOf(pids) {
  let sum = 0
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
      sum += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0)
    } catch {
      // It ended meanwhile.
    }
  }
  return sum
}

/** Seconds of processor time of processes, and of their children that have ended. */
function processorOf(pids) {
  let ticks = 0
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      for (const index of [11, 12, 13, 14]) ticks += Number(fields[index])
    } catch {
      // It ended meanwhile; whoever waited for it has its time.
    }
  }
  return ticks * TICK
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function startServer(contender, { folder, module, program, rsync }) {
  const port = await freePort()
  const settings = join(folder, `${contender}.conf`)
  const words =
    contender === 'stock'
      ? [
          ...rsync.command,
          '--daemon',
          '--no-detach',
          '--address=127.0.0.1',
          `--port=${port}`,
          `--config=${settings}`,
        ]
      : [
          program,
          'serve',
          '--module',
          module,
          '--listen',
          `127.0.0.1:${port}`,
          '--config',
          settings,
          '--json',
        ]
  const text =
    contender === 'stock'
      ? `use chroot = no\nuid = root\ngid = root\n[xo]\npath = ${module}\n`
      : '[serve]\nclients = 200\n'
  writeFileSync(settings, text)
  const child = spawn(words[0], words.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] })
  for (let tries = 0; ; tries++) {
    const { status } = await fetchOnce(rsync, [`rsync://127.0.0.1:${port}/`])
    if (status === 0) return { child, port }
    if (tries > 100 || child.exitCode !== null)
      throw new Error(`${words.join(' ')} does not answer`)
    await pause(50)
  }
}

function fetchOnce(rsync, words) {
  return new Promise((resolve, reject) => {
    const all = [...rsync.command, ...words]
    const child = spawn(all[0], all.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stderr }))
  })
}

/** One contender, one case, so many clients at once. */
async function measure(contender, oneCase, count, place) {
  const { folder, older, rsync } = place
  const { child, port } = await startServer(contender, place)
  try {
    const targets = Array.from({ length: count }, (_, i) => join(folder, 'targets', String(i)))
    for (const target of targets) {
      mkdirSync(target, { recursive: true })
      if (!oneCase.hasOlder) continue
      for (const name of readdirSync(older)) {
        writeFileSync(join(target, name), readFileSync(join(older, name)))
      }
    }
    const idle = memoryOf(treeOf(child.pid))
    const before = processorOf(treeOf(child.pid))
    const begun = performance.now()
    let running = true
    let peak = idle
    const sampling = (async () => {
      while (running) {
        peak = Math.max(peak, memoryOf(treeOf(child.pid)))
        await pause(SAMPLE_MS)
      }
    })()
    const source = `rsync://127.0.0.1:${port}/xo/${oneCase.path}`
    const ends = await Promise.all(
      targets.map((target) => fetchOnce(rsync, [...oneCase.words, source, `${target}/`])),
    )
    const seconds = (performance.now() - begun) / 1000
    running = false
    await sampling
    const failed = ends.find(({ status }) => status !== 0)
    if (failed)
      throw new Error(`${contender}: a client ended with ${failed.status}: ${failed.stderr}`)
    // A daemon's child counts once it has been waited for.
    await pause(300)
    const processor = processorOf(treeOf(child.pid)) - before
    return {
      processor,
      seconds,
      peakMiB: peak / KIB_PER_MIB,
      eachMiB: (peak - idle) / KIB_PER_MIB / count,
    }
  } finally {
    child.kill('SIGTERM')
    await new Promise((resolve) =>
      child.exitCode === null ? child.once('exit', resolve) : resolve(),
    )
    rmSync(join(folder, 'targets'), { recursive: true, force: true })
  }
}

const column = (value, width, digits) => value.toFixed(digits).padStart(width)

function row(name, count, { processor, seconds, peakMiB, eachMiB }) {
  return `${name.padEnd(18)}${String(count).padStart(7)}${column(processor, 9, 2)}${column(seconds, 8, 2)}${column(peakMiB, 10, 1)}${column(eachMiB, 12, 2)}\n`
}

const HEAD = `${''.padEnd(18)}clients    CPU s  last s  peak MiB  MiB a client\n`

async function main({
  clients = CLIENTS,
  size = MEBIBYTES,
  case: chosen = Object.keys(CASES),
  json,
}) {
  const { program } = await build()
  const rsync = await newestRsync()
  const record = { rsync: rsync.version, mebibytes: size, runs: [] }
  await withScratch(cacheFolder, 'bench-serve', async (folder) => {
    const place = {
      folder,
      program,
      rsync,
      module: join(folder, 'module'),
      older: join(folder, 'older'),
    }
    makeModule(place.module, place.older, size * 2 ** 20)
    for (const key of chosen) {
      process.stdout.write(`\n${CASES[key].title}, ${size} MiB to each\n\n${HEAD}`)
      for (const count of clients) {
        const stock = await measure('stock', CASES[key], count, place)
        const ours = await measure('ours', CASES[key], count, place)
        process.stdout.write(
          row(`rsync ${rsync.version}`, count, stock) + row('xo-upgrade serve', count, ours),
        )
        record.runs.push({
          case: key,
          clients: count,
          stock,
          ours,
          processorRatio: ours.processor / stock.processor,
        })
      }
    }
    process.stdout.write(`\n${NOTES}\n`)
    if (json) writeFileSync(json, `${JSON.stringify(record, undefined, 2)}\n`)
  })
}

const NOTES = `CPU: of the server and its children, user + system, in steps of 10 ms. Last: until the last client has it all,
all of them on this machine. Peak: of the server and its children, with their share of what they have together.`

const USAGE = {
  call: 'npm run bench:serve --',
  about: 'Serves many clients at once, beside a stock rsync daemon, and prints what that costs.',
  options: {
    clients: {
      takes: 'N',
      about: `how many at once (${CLIENTS.join(', ')})`,
      many: true,
      reads: wholeNumber(1),
    },
    size: { takes: 'MIB', about: `how much each fetches (${MEBIBYTES})`, reads: wholeNumber(1) },
    case: {
      takes: 'NAME',
      about: `only: ${Object.keys(CASES).join(', ')}`,
      many: true,
      reads: oneOf(Object.keys(CASES)),
    },
    json: { takes: 'FILE', about: 'where the figures are written' },
  },
  needs: ['build'],
}

await runCommand(import.meta.url, USAGE, main)
