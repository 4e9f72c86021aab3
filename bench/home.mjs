/**
 * `npm run bench:home`: the home server under a fleet: 4,000 laptops that call within a minute, at
 * moments that chance gives, and then 4,000 as fast as they come. Prints errors, latency and memory.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from '../tools/build.mjs'
import { runCommand, wholeNumber } from '../tools/command-line.mjs'
import { run } from '../tools/workplace.mjs'
import { grouped } from './figures.mjs'

const LAPTOPS = 4000
const SECONDS = 60
const AT_ONCE = 150

/** One call: milliseconds until the whole answer was there. Rejects where it is not the one. */
function call(port, serial) {
  const nonce = randomBytes(16).toString('hex')
  const body = `kind=call-home\nserial=${serial}\nnonce=${nonce}\nhardware=xo-1\ndeployment=any\ninstalled=42\n`
  const head = `POST /call-home HTTP/1.1\r\nHost: home\r\nContent-Length: ${body.length}\r\n\r\n`
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(head + body))
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer')))
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const good = answer.startsWith('HTTP/1.1 200 ') && answer.includes(`\nnonce=${nonce}\n`)
      if (good) resolve(performance.now() - started)
      else reject(new Error(`answered: ${answer.slice(0, 80)}`))
    })
  })
}

function report(title, seconds, latencies, errors) {
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
  process.stdout.write(
    `${title}: ${sorted.length} answers in ${seconds.toFixed(1)} s, ${errors.length} errors, ` +
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(0.9999)} ms\n`,
  )
  for (const error of errors.slice(0, 3)) process.stdout.write(`  ${error.message}\n`)
}

async function measured(title, port, calls) {
  const started = performance.now()
  const latencies = []
  const errors = []
  const one = (serial) =>
    call(port, serial).then(
      (ms) => latencies.push(ms),
      (error) => errors.push(error),
    )
  await calls(one)
  report(title, (performance.now() - started) / 1000, latencies, errors)
  return errors.length
}

const overTime = (count, seconds) => (one) =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * seconds * 1000))
      await one(`SHC${index}`)
    }),
  )

const asFastAsTheyCome = (count) => async (one) => {
  let next = 0
  const worker = async () => {
    while (next < count) await one(`SHC${next++}`)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function main({ laptops: count = LAPTOPS, seconds = SECONDS }) {
  const { program } = await build()
  const laptops = `${grouped(count)} laptops`
  const folder = mkdtempSync(join(tmpdir(), 'xo-home-'))
  mkdirSync(join(folder, 'home'))
  writeFileSync(join(folder, 'home/latest'), '43\n')
  await run([program, 'keygen', '--to', join(folder, 'secret'), '--name', 'home'])
  const words = ['--folder', join(folder, 'home'), '--key', join(folder, 'secret/home.sec')]
  const server = spawn(program, ['home', ...words, '--listen', '127.0.0.1:0', '--json'])
  try {
    const line = await new Promise((resolve) => server.stdout.once('data', resolve))
    const { port } = JSON.parse(String(line).split('\n', 1)[0])
    const failed =
      (await measured(`${laptops} in ${seconds} s`, port, overTime(count, seconds))) +
      (await measured(`${laptops}, ${AT_ONCE} at once`, port, asFastAsTheyCome(count)))
    const status = readFileSync(`/proc/${server.pid}/status`, 'latin1')
    process.stdout.write(`peak memory of the server: ${/VmHWM:\s*(.*)/.exec(status)?.[1]}\n`)
    process.exitCode = failed === 0 ? 0 : 1
  } finally {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

const USAGE = {
  call: 'npm run bench:home --',
  about: 'Calls the home server as a fleet of laptops does, and prints errors, latency and memory.',
  options: {
    laptops: { takes: 'N', about: `how many call (${LAPTOPS})`, reads: wholeNumber(1) },
    seconds: { takes: 'N', about: `within how long at first (${SECONDS})`, reads: wholeNumber(0) },
  },
  needs: ['build'],
}

await runCommand(import.meta.url, USAGE, main)
