// deadline: 20 minutes
/**
 * The program as it ships, with hostile clients: memory stays within what each client is granted, whatever all of
 * them do at once, the next client is served, and the laptop's own upgrade goes on.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { Device } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { latin } from '../support/peer-bytes.ts'
import { Publisher } from '../support/release.ts'
import { fetchAll, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { type ServingProgram, startProgram } from '../support/serving-program.ts'
import { skip, test } from '../support/suite.ts'
import { noise } from '../support/tree.ts'
import { until } from '../support/until.ts'
import { asking, askingOnly, data, GOODBYE, RawClient, Requests, rule } from './raw-client.ts'

const CLIENTS = 3
/** What a client may take, and what the others that are turned away meanwhile may. */
const CLIENT_KIB_MAX = 3 * 1024
const OTHERS_KIB_MAX = 2 * 1024
const ENTRIES = 20_000

const module = scratch('module')
const settings = join(scratch('settings'), 'conf')
let program: ServingProgram

/** As large a tree as a laptop's, nearly. */
function makeModule(): void {
  writeFileSync(join(module, 'latest'), 'kind=release\n')
  for (let i = 0; i < ENTRIES; i++) {
    const folder = join(module, `42/root/folder-${Math.floor(i / 500)}`)
    if (i % 500 === 0) mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `a-file-with-a-name-of-some-length-${i}`), '')
  }
  writeFileSync(join(module, '42/big'), noise(4_000_000, 3))
  writeFileSync(join(module, '42/zeros'), Buffer.alloc(4_000_000))
}

test.before(async () => {
  makeModule()
  writeFileSync(settings, `[serve]\nclients = ${CLIENTS}\n`)
  program = await startProgram(['--module', module, '--config', settings])
})
test.after(() => program.stop())

async function isWell(port = program.port): Promise<void> {
  await until(async () => {
    try {
      const options = optionsFor(port, { kind: 'paths', paths: ['latest'] })
      const { files } = await fetchAll(options, ['latest'])
      return files[0]?.content().includes('kind=release') ?? false
    } catch (error) {
      // Places that attackers had are free again after a moment; and it may just begin again.
      if (/max connections|cut|ECONNREFUSED/.test((error as Error).message)) return false
      throw new Error(program.text(), { cause: error })
    }
  }, 'a place for the next client')
}

/** What all clients do at once, to be awaited within the deadline. */
async function all(attack: (client: RawClient) => Promise<unknown>): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => RawClient.open(program.port)),
  )
  try {
    await deadline(Promise.all(clients.map(attack)))
  } finally {
    for (const client of clients) client.leave()
  }
}

const SUMS = data(Buffer.alloc(60_000, 0x5a))
const ATTACKS: Record<string, (client: RawClient) => Promise<unknown>> = {
  'a whole tree, of which nothing is fetched': async (client) => {
    client.say(asking(['.', 'xo/'], { letters: '-logDtpre.LsfxCIvu' }))
    await client.until((heard) => heard.length > 100_000)
  },
  'sums of a file as large as any': async (client) => {
    client.say(asking(['.', 'xo/42/big']), data(new Requests().file(0, [2_000_000, 700, 16, 0])))
    await client.pour(Array.from({ length: 500 }, () => SUMS))
  },
  'weak sums that are all equal': async (client) => {
    client.say(asking(['.', 'xo/42/zeros']), data(new Requests().file(0, [60_000, 700, 14, 0])))
    const sums = Buffer.alloc(60_000 * 18)
    for (let i = 0; i < 60_000; i++) sums.writeUInt32LE(i + 1, i * 18 + 4)
    for (let at = 0; at < sums.length; at += 54_000)
      client.say(data(sums.subarray(at, at + 54_000)))
    client.say(GOODBYE)
    await client.end()
  },
  'names without end': async (client) => {
    const words = ['--files-from=-', '--from0', '.', 'xo/']
    client.say(asking(words, { letters: '-Re.LsfxCIvu' }))
    await client.pour(Array.from({ length: 300 }, () => data(latin('latest\0'.repeat(3000)))))
  },
  'rules without end': async (client) => {
    client.say(askingOnly(['.', 'xo/']))
    const piece = data(...Array.from({ length: 1000 }, (_, i) => rule(`- ${'x'.repeat(50)}${i}`)))
    await client.pour(Array.from({ length: 200 }, () => piece))
  },
  'a file that is asked for again and again, and not read': async (client) => {
    const requests = new Requests()
    client.say(asking(['.', 'xo/42/big']))
    client.socket.pause()
    const many = Array.from({ length: 100 }, () => requests.file(0))
    await Promise.race([
      client.pour(many.map((request) => data(request))),
      new Promise((resolve) => setTimeout(resolve, 2000)),
    ])
  },
}

for (const [title, attack] of Object.entries(ATTACKS)) {
  test(`${title}: by all clients at once, within the memory`, async () => {
    await isWell()
    const before = program.peakKiB()
    await all(attack)
    await isWell()
    const grown = program.peakKiB() - before
    assert.ok(program.runs(), program.text())
    assert.ok(grown <= CLIENTS * CLIENT_KIB_MAX, `${title}: ${grown} KiB more`)
  })
}

test('flood-of-connections: those without a place cost next to nothing', async () => {
  await isWell()
  const before = program.peakKiB()
  const opened = Array.from({ length: 300 }, () => RawClient.open(program.port).catch(() => {}))
  const clients = await Promise.all(opened)
  for (const client of clients) client?.say(asking(['.', 'xo/latest']))
  for (const client of clients) client?.leave()
  await isWell()
  const grown = program.peakKiB() - before
  assert.ok(grown <= CLIENTS * CLIENT_KIB_MAX + OTHERS_KIB_MAX, `${grown} KiB more`)
})

test('an upgrade goes on while its store is served and attacked', async () => {
  if (process.geteuid?.() !== 0) skip('serving a store needs root')
  if (process.env.XO_STALLS === undefined) {
    skip(
      'known failure: on a busy machine it stalled without an end; why is not known (XO_STALLS=1 runs it)',
    )
  }
  const publisher = new Publisher()
  publisher.publish(1, smallImage(1))
  const configuration = { policy: { 'on-battery': 'yes' } }
  const sources = [`file://${publisher.module}`]
  const device = new Device({ sources, keys: publisher.keys.publicFile, configuration })
  await device.succeed('install')
  const serving = await startProgram(device.words)
  let attacking = true
  const attackers = Array.from({ length: CLIENTS }, async () => {
    while (attacking) {
      // It begins again when its store is another.
      const client = await RawClient.open(serving.port).catch(() => undefined)
      if (!client) continue
      client.say(asking(['.', 'xo/'], { letters: '-re.LsfxCIvu' }), data(new Requests().file(1)))
      await new Promise((resolve) => setTimeout(resolve, 20))
      client.leave()
    }
  })
  try {
    publisher.publish(2, smallImage(2))
    await device.succeed('upgrade')
    assert.ok(serving.runs(), serving.text())
    attacking = false
    await isWell(serving.port)
  } finally {
    attacking = false
    await Promise.all(attackers)
    await serving.stop()
  }
})

test.run()
