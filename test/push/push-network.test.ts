/** Pushes through a real network: the program sends, laptops in network namespaces of their own hear. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeKeyPair } from '../../src/release/signify.ts'
import { deadline } from '../support/deadline.ts'
import { type Lan, type Machine, makeLan, namespacesAllowed } from '../support/namespaces.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { run } from '../support/stock-tool.ts'

const PROGRAM = 'build/x86_64/xo-upgrade'
const LAPTOP = fileURLToPath(new URL('laptop.js', import.meta.url))
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

function startLaptop(machine: Machine, installed: number): Promise<Laptop> {
  const [command = '', ...words] = machine.inside
  const program = [process.execPath, LAPTOP, join(folder, 'push.pub'), String(installed)]
  const child = spawn(command, [...words, ...program], { stdio: ['ignore', 'pipe', 'inherit'] })
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

function push(lan: Lan, version: number, key = 'push', more: string[] = []) {
  const [command = '', ...words] = lan.machines[0]?.inside ?? []
  const options = ['--version', String(version), '--key', join(folder, `${key}.sec`), '--json']
  const { status, stdout, stderr } = run(command, [...words, PROGRAM, 'push', ...options, ...more])
  assert.is(status, 0, stderr)
  return JSON.parse(stdout)
}

test('a school hears one push, once, and only those that are behind', async () => {
  if (!namespacesAllowed()) return
  const lan = makeLan(5)
  const laptops: Laptop[] = []
  try {
    for (const [index, machine] of lan.machines.slice(1).entries()) {
      laptops.push(await deadline(startLaptop(machine, index === 3 ? 43 : 42)))
    }
    const sent = push(lan, 43)
    assert.is(sent.addresses, 2, 'IPv4 broadcast and the IPv6 group')
    assert.ok(sent.bytes < 600)
    await settled()
    const counts = () => laptops.map(({ hints }) => hints.length)
    assert.equal(counts(), [1, 1, 1, 0])
    assert.is(laptops[0]?.hints[0]?.reason, 'a push for version 43')
    assert.is(laptops[0]?.hints[0]?.withinSeconds, 300)
    push(lan, 44, 'foreign')
    await settled()
    assert.equal(counts(), [1, 1, 1, 0])
    // Over each of the ways alone.
    for (const address of ['10.73.0.255', '239.255.73.42', '[ff02::7a6f%eth0]', '10.73.0.2']) {
      const before = laptops[0]?.hints.length ?? 0
      push(lan, 50 + before, 'push', ['--address', address])
      await settled()
      assert.is(laptops[0]?.hints.length, before + 1, address)
    }
    assert.is(laptops[1]?.hints.length, 4, 'what went to one alone')
  } finally {
    for (const { child } of laptops) child.kill('SIGKILL')
    lan.remove()
  }
})

test('without a network the command says so', () => {
  const words = ['push', '--version', '43', '--key', join(folder, 'push.sec')]
  const { status, stdout } = run(PROGRAM, [...words, '--address', '192.0.2.1:0'])
  assert.is(status, 64, stdout)
})

test.run()
