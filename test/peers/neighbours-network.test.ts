/**
 * An upgrade from neighbours through a real network: the program in a network namespace of its own, and
 * laptops that have the version in others, with a stock rsync daemon each. No school server is there.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Device } from '../support/device.ts'
import { FRESH, image41, image42 } from '../support/image.ts'
import { type Lan, makeLan } from '../support/namespaces.ts'
import { needNamespaces } from '../support/needs.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { copyTree } from '../support/tree.ts'
import { until } from '../support/until.ts'
import type { LaptopWords, Told } from './laptops.ts'

const LAPTOP = fileURLToPath(new URL('laptop.js', import.meta.url))
/** Nobody has this address: the card is up, and no answer comes. */
const SCHOOL = 'rsync://10.73.0.99/xo'

const publisher = new Publisher()
/** Its content is not what was signed. */
const altered = join(scratch('altered'), 'module')
let installed: Device
let lan: Lan
const children: ChildProcess[] = []

test.before(async () => {
  needNamespaces()
  publisher.publish(41, image41())
  const sources = [`file://${publisher.module}`]
  installed = new Device({ sources, keys: publisher.keys.publicFile })
  await installed.succeed('install')
  publisher.publish(42, image42())
  copyTree(publisher.module, altered)
  const fresh = join(altered, '42/root', FRESH)
  const content = readFileSync(fresh)
  content[1000] = (content[1000] ?? 0) ^ 1
  writeFileSync(fresh, content)
  lan = makeLan(5)
})

test.after.each(() => {
  for (const child of children.splice(0)) child.kill('SIGTERM')
})

test.after(() => lan?.remove())

interface Laptop {
  told: Told
}

/** `place`: from 1, of those besides the one that asks. */
function startLaptop(place: number, words: Partial<LaptopWords> = {}): Promise<Laptop> {
  const all = { module: publisher.module, manners: 'polite', ...words }
  const [command = '', ...inside] = lan.machines[place]?.inside ?? []
  const child = spawn(command, [...inside, process.execPath, LAPTOP, JSON.stringify(all)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const laptop: Laptop = { told: { answered: 0, keptQuiet: 0, sent: 0, connections: 0 } }
  return deadline(
    new Promise((resolve) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        laptop.told = JSON.parse(line)
        resolve(laptop)
      })
    }),
  )
}

/** The configuration of one that serves what it has. */
const serving = () => ({
  policy: { hold: 'yes' },
  serve: { enabled: 'yes', 'on-battery': 'yes' },
  daemon: { control: join(scratch('control'), 'socket') },
})

/** The machine's addresses, as a regular expression. */
function addressOf(place: number): string {
  const { address = '', inside: [command = '', ...inside] = [] } = lan.machines[place] ?? {}
  const { stdout } = run(command, [...inside, 'ip', '-6', '-o', 'address', 'show', 'dev', 'eth0'])
  const [, six = ''] = /inet6 (fe80:[0-9a-f:]+)/.exec(stdout) ?? []
  return `${address}:|${six}%`.replaceAll('.', '\\.')
}

async function startDaemon(place: number, device: Device): Promise<ChildProcess> {
  const [command = '', ...inside] = lan.machines[place]?.inside ?? []
  const daemon = spawn(command, [...inside, PROGRAM, 'daemon', ...device.words])
  children.push(daemon)
  let log = ''
  daemon.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  await until(() => /Serving the store/.test(log), `the server on machine ${place}`)
  return daemon
}

/** Tries until somebody answers: a daemon does so once it has heard from its server. */
async function upgraded({ upgrade }: ReturnType<typeof asker>) {
  return until(() => {
    const tried = upgrade()
    return tried.status === 0 && tried
  }, 'an upgrade from a neighbour')
}

/** A laptop with version 41 on one of the machines. */
function asker(peers: 'before-school' | 'after-school' = 'before-school', place = 0) {
  const device = installed.copy({ sources: [SCHOOL], peers, configuration: serving() })
  const [command = '', ...inside] = lan.machines[place]?.inside ?? []
  const does = (verb: string, ...words: string[]) => {
    const all = [...inside, PROGRAM, verb, '--json', ...device.words, ...words]
    const { status, stdout, stderr } = run(command, all)
    const events = stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []))
    return { status, events, last: events.at(-1) ?? {}, stderr }
  }
  const state = () => does('status').last
  return { device, does, state, upgrade: () => does('upgrade', '--version', '42') }
}

const sum = (laptops: Laptop[], key: keyof Told) =>
  laptops.reduce((total, { told }) => total + told[key], 0)

test('a school without a server upgrades from one that has it; one answers, the others keep quiet', async () => {
  const laptops = [await startLaptop(1), await startLaptop(2), await startLaptop(3)]
  const { upgrade, state } = asker()
  const { status, last, stderr } = upgrade()
  assert.is(status, 0, `${stderr}${JSON.stringify(last)}`)
  assert.equal([last.outcome, last.origin], ['staged', 'neighbour'])
  assert.match(last.source, /^neighbour rsync:\/\/(10\.73\.0\.[234]|\[fe80::.*%eth0\]):8873\/xo$/)
  await until(() => sum(laptops, 'answered') + sum(laptops, 'keptQuiet') === 3)
  assert.ok(sum(laptops, 'answered') >= 1)
  const served = laptops.filter(({ told }) => told.connections > 0)
  assert.is(served.length, 1, 'one at a time')
  const { brought, received } = state()
  assert.equal([brought.version, brought.origin, brought.source], [42, 'neighbour', last.source])
  assert.ok(received.neighbour >= last.fetchedBytes / 2 && received.school === undefined)
})

test('a laptop that runs the version serves the next one, all by itself', async () => {
  const done = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
    configuration: serving(),
  })
  await done.succeed('install', ['--version', '42'])
  await startDaemon(1, done)
  const { last } = await upgraded(asker())
  assert.equal([last.outcome, last.origin], ['staged', 'neighbour'])
  assert.match(last.source, /:8767\/xo$/)
})

test('a school whose server is gone after the first laptop fills itself, one after the other', async () => {
  const [one, two, three] = [asker(), asker('before-school', 1), asker('before-school', 2)]
  const server = await startLaptop(3, { manners: 'none' })
  const named = ['--source', `rsync://${lan.machines[3]?.address}:8873/xo`]
  const first = one.does('upgrade', '--version', '42', ...named)
  assert.is(first.status, 0, JSON.stringify(first.last))
  assert.is(server.told.answered, 0)
  children.pop()?.kill('SIGTERM')
  // What waits was proved, and is served before it ever runs.
  const daemon = await startDaemon(0, one.device)
  const second = await upgraded(two)
  assert.match(second.last.source, new RegExp(addressOf(0)))
  daemon.kill('SIGTERM')
  await startDaemon(1, two.device)
  const third = await upgraded(three)
  assert.match(third.last.source, new RegExp(addressOf(1)))
  const { received } = three.state()
  assert.equal(Object.keys(received), ['neighbour', 'stick'])
})

test('where the first one closes its lid, the next goes on at what is there', async () => {
  const first = await startLaptop(1, { cutAfter: 700_000 })
  const next = await startLaptop(2, { manners: 'second' })
  const { upgrade } = asker()
  const { status, last, stderr } = upgrade()
  assert.is(status, 0, `${stderr}${JSON.stringify(last)}`)
  assert.equal([last.outcome, last.origin], ['staged', 'neighbour'])
  await until(() => first.told.sent > 700_000 && next.told.sent > 0)
  assert.ok(next.told.sent < 1_000_000, `the next one sent ${next.told.sent} bytes`)
})

test('one that lies is found out and set aside, and then keeps nobody quiet', async () => {
  const liar = await startLaptop(1, { module: altered, manners: 'first' })
  const honest = await startLaptop(2)
  const { upgrade, state } = asker()
  const first = upgrade()
  assert.not.equal(first.status, 0)
  assert.is(state().waiting, undefined)
  assert.is(state().attack?.name, 'altered')
  await until(() => liar.told.answered === 1 && honest.told.keptQuiet === 1)
  assert.is(honest.told.answered, 0)
  const second = upgrade()
  assert.is(second.status, 0, second.stderr)
  assert.is(second.last.origin, 'neighbour')
  await until(() => honest.told.answered === 1)
  await until(() => liar.told.answered === 2)
  assert.is(state().waiting, 42)
})

test('one that drips is given up, and the next goes on', async () => {
  const drip = await startLaptop(1, { bytesPerSecond: 300, manners: 'first' })
  const honest = await startLaptop(2, { manners: 'second' })
  const { upgrade } = asker()
  const { status, last, events } = upgrade()
  assert.is(status, 0, JSON.stringify(events))
  assert.equal([last.outcome, last.origin], ['staged', 'neighbour'])
  await until(() => drip.told.connections > 0 && honest.told.connections > 0)
  const given = events.find(({ event, text }) => event === 'note' && /slow/.test(text ?? ''))
  assert.ok(given, JSON.stringify(events.filter(({ event }) => event === 'note')))
})

test('where nobody has it the school server is asked, as always; and with peers = off nobody else is', async () => {
  const other = await startLaptop(1)
  const { does } = asker()
  const { status, last } = does('upgrade', '--version', '43')
  assert.not.equal(status, 0)
  assert.match(last.message, /10\.73\.0\.99/)
  const named = does('upgrade', '--version', '42', '--source', SCHOOL)
  assert.not.equal(named.status, 0)
  assert.equal([other.told.answered, other.told.connections], [0, 0])
})

test('what is newest is asked of neighbours only where nobody else can say', async () => {
  const laptop = await startLaptop(1)
  const { does, state } = asker('after-school')
  const { status, last } = does('upgrade')
  assert.is(status, 0, JSON.stringify(last))
  assert.equal([last.version, last.origin], [42, 'neighbour'])
  assert.is(state().waiting, 42)
  await until(() => laptop.told.answered === 1)
})

test.run()
