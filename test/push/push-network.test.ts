/**
 * Pushes through a real network: the program sends, laptops in network namespaces of their own hear; and on
 * loopback, each on a port of its own, which is all there is if namespaces are not allowed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { makeKeyPair } from '../../src/release/signify.ts'
import { deadline } from '../support/deadline.ts'
import { makeLan } from '../support/namespaces.ts'
import { needNamespaces } from '../support/needs.ts'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const LAPTOP = fileURLToPath(new URL('laptop.js', import.meta.url))
/** Of those that share this machine's loopback. */
const FIRST_PORT = 28_770
const folder = scratch('push')
for (const name of ['push', 'foreign']) {
  const { publicFile, secretFile } = makeKeyPair(signing, name)
  writeFileSync(join(folder, `${name}.pub`), publicFile, 'latin1')
  writeFileSync(join(folder, `${name}.sec`), secretFile, { encoding: 'latin1', mode: 0o600 })
}

interface Laptop {
  child: ChildProcess
  hints: { reason: string; withinSeconds: number }[]
}

/** `inside`: the words that run a command in the laptop's machine. */
function startLaptop(inside: string[], running: number, port?: number): Promise<Laptop> {
  const [command = '', ...words] = [...inside, process.execPath, LAPTOP, join(folder, 'push.pub')]
  words.push(String(running), ...(port === undefined ? [] : [String(port)]))
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const laptop: Laptop = { child, hints: [] }
  return new Promise((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const said = JSON.parse(line)
      if (said.listening) resolve(laptop)
      else laptop.hints.push(said)
    })
  })
}

function push(inside: string[], version: number, key = 'push', more: string[] = []) {
  const options = ['--version', String(version), '--key', join(folder, `${key}.sec`), '--json']
  const [command = '', ...words] = [...inside, PROGRAM, 'push', ...options, ...more]
  const { status, stdout, stderr } = run(command, words)
  assert.is(status, 0, stderr)
  return JSON.parse(stdout)
}

/** One of the four runs the version already. */
const INSTALLED = [42, 42, 42, 43]
/** How often each has heard of the version. */
const countsOf = (laptops: Laptop[], version: number) =>
  laptops.map(({ hints }) => {
    const reason = `a push for version ${version}`
    return hints.filter((hint) => hint.reason === reason).length
  })

/** Pushes until they have heard it: of what is sent within a second, the first is news. */
async function reach(laptops: Laptop[], inside: string[], version: number, to: string[]) {
  await until(
    () => {
      push(inside, version, 'push', to)
      return countsOf(laptops, version).every((count) => count > 0)
    },
    `version ${version} at ${laptops.length} laptops, sent ${to.join(' ')}`,
  )
}

async function hearOneOnce(laptops: Laptop[], inside: string[], to: string[]) {
  const sent = push(inside, 43, 'push', to)
  assert.ok(sent.bytes < 600)
  push(inside, 44, 'foreign', to)
  // Whoever has heard this one has heard what came before it.
  await reach(laptops, inside, 45, to)
  assert.equal(countsOf(laptops, 43), [1, 1, 1, 0])
  assert.equal(countsOf(laptops, 44), [0, 0, 0, 0])
  assert.is(laptops[0]?.hints[0]?.withinSeconds, 300)
  return sent
}

const inNamespaces = (name: string, handler: () => unknown) =>
  test(name, () => {
    needNamespaces()
    return handler()
  })

inNamespaces('a school hears one push, once, and only those that are behind', async () => {
  const lan = makeLan(5)
  const laptops: Laptop[] = []
  const sender = lan.machines[0]?.inside ?? []
  try {
    for (const [index, { inside }] of lan.machines.slice(1).entries()) {
      laptops.push(await deadline(startLaptop(inside, INSTALLED[index] ?? 0)))
    }
    const sent = await hearOneOnce(laptops, sender, [])
    assert.is(sent.addresses, 2, 'IPv4 broadcast and the IPv6 group')
    // Over each of the ways alone.
    let version = 50
    for (const address of ['10.73.0.255', '239.255.73.42', '[ff02::7a6f%eth0]']) {
      await reach(laptops, sender, version++, ['--address', address])
    }
    await reach(laptops.slice(0, 1), sender, version, ['--address', '10.73.0.2'])
    await reach(laptops, sender, version + 1, [])
    assert.equal(countsOf(laptops.slice(1), version), [0, 0, 0], 'what went to one alone')
  } finally {
    for (const { child } of laptops) child.kill('SIGKILL')
    lan.remove()
  }
})

test('so do laptops that are named, each on a port of its own', async () => {
  const ports = INSTALLED.map((_, index) => FIRST_PORT + index)
  const laptops: Laptop[] = []
  try {
    for (const [index, port] of ports.entries()) {
      laptops.push(await deadline(startLaptop([], INSTALLED[index] ?? 0, port)))
    }
    const to = ports.flatMap((port) => ['--address', `127.0.0.1:${port}`])
    const sent = await hearOneOnce(laptops, [], to)
    assert.is(sent.addresses, 4)
    await reach(laptops.slice(3), [], 50, ['--address', `127.0.0.1:${ports[3]}`])
    await reach(laptops, [], 51, to)
    assert.equal(countsOf(laptops.slice(0, 3), 50), [0, 0, 0])
  } finally {
    for (const { child } of laptops) child.kill('SIGKILL')
  }
})

test('without a network the command says so', () => {
  const words = ['push', '--version', '43', '--key', join(folder, 'push.sec')]
  const { status, stdout } = run(PROGRAM, [...words, '--address', '192.0.2.1:0'])
  assert.is(status, 64, stdout)
})

test.run()
