/**
 * Pushes through a real network: the program sends, laptops in network namespaces of their own hear; and on
 * loopback, each on a port of its own, which is all there is where namespaces are not allowed.
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
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const PROGRAM = 'build/x86_64/xo-upgrade'
const LAPTOP = fileURLToPath(new URL('laptop.js', import.meta.url))
/** Of those that share this machine's loopback. */
const FIRST_PORT = 28_770
const folder = scratch('push')
for (const name of ['push', 'foreign']) {
  const { publicFile, secretFile } = makeKeyPair(signing, name)
  writeFileSync(join(folder, `${name}.pub`), publicFile, 'latin1')
  writeFileSync(join(folder, `${name}.sec`), secretFile, 'latin1')
}

interface Laptop {
  child: ChildProcess
  hints: { reason: string; withinSeconds: number }[]
}

/** `inside`: the words that run a command in the laptop's machine. */
function startLaptop(inside: string[], installed: number, port?: number): Promise<Laptop> {
  const [command = '', ...words] = [...inside, process.execPath, LAPTOP, join(folder, 'push.pub')]
  words.push(String(installed), ...(port === undefined ? [] : [String(port)]))
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

const settled = () => new Promise((resolve) => setTimeout(resolve, 700))

function push(inside: string[], version: number, key = 'push', more: string[] = []) {
  const options = ['--version', String(version), '--key', join(folder, `${key}.sec`), '--json']
  const [command = '', ...words] = [...inside, PROGRAM, 'push', ...options, ...more]
  const { status, stdout, stderr } = run(command, words)
  assert.is(status, 0, stderr)
  return JSON.parse(stdout)
}

/** One of the four runs the version already. */
const INSTALLED = [42, 42, 42, 43]
const countsOf = (laptops: Laptop[]) => laptops.map(({ hints }) => hints.length)

async function hearOneOnce(laptops: Laptop[], inside: string[], to: string[]) {
  const sent = push(inside, 43, 'push', to)
  assert.ok(sent.bytes < 600)
  await settled()
  assert.equal(countsOf(laptops), [1, 1, 1, 0])
  assert.is(laptops[0]?.hints[0]?.reason, 'a push for version 43')
  assert.is(laptops[0]?.hints[0]?.withinSeconds, 300)
  push(inside, 44, 'foreign', to)
  await settled()
  assert.equal(countsOf(laptops), [1, 1, 1, 0])
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
    for (const address of ['10.73.0.255', '239.255.73.42', '[ff02::7a6f%eth0]', '10.73.0.2']) {
      const before = laptops[0]?.hints.length ?? 0
      push(sender, 50 + before, 'push', ['--address', address])
      await settled()
      assert.is(laptops[0]?.hints.length, before + 1, address)
    }
    assert.is(laptops[1]?.hints.length, 4, 'what went to one alone')
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
    push([], 50, 'push', ['--address', `127.0.0.1:${ports[3]}`])
    await settled()
    assert.equal(countsOf(laptops), [1, 1, 1, 1])
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
