/**
 * What a hostile rsync client may say once our server has listed something to it, each attack by its name: sums,
 * indexes, frames, silence. The server's work and patience are bounded, and the next client is served.
 */
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { frame, hex, latin } from '../support/peer-bytes.ts'
import { host } from '../support/rsync-client.ts'
import { moduleOf, startServing } from '../support/serving.ts'
import { test } from '../support/suite.ts'
import {
  asking,
  askingOnly,
  DONE,
  data,
  GOODBYE,
  GREETING,
  RawClient,
  Requests,
} from './raw-client.ts'
import { LISTED, ServedModule } from './served-module.ts'

const served = new ServedModule()
const { folder } = served
/** How much faster the clock of a server goes that is tried for its patience. */
const HURRY = 30

test.before(() => served.start())
test.after(() => served.stop())

test('index-that-is-nobodys', async () => {
  const whole = asking(['.', 'xo/'], { letters: '-rlDe.LsfxCIvu' })
  for (const index of [1, 2, 1_000_000, 0x7fffffff]) {
    await served.attack(`${index}`, LISTED, data(new Requests().file(index)))
  }
  for (const bytes of ['ff 64', 'ff 02', 'ff fe 80 02 00 00', 'fe ff ff ff ff']) {
    await served.attack(bytes, LISTED, data(hex(`${bytes} 0080 ${'00'.repeat(16)}`)))
  }
  // Each of a whole tree: folders, links and a pipe among them.
  for (let index = 0; index < 12; index++) {
    await served.attack(`entry ${index}`, whole, data(new Requests().file(index), DONE), GOODBYE)
  }
  await served.isWell()
})

const HEADS: Record<string, number[]> = {
  'count-of-2-to-the-31': [0x7fffffff, 700, 2, 0],
  'count-below-zero': [-1, 700, 2, 0],
  'block-length-0': [5, 0, 2, 0],
  'block-length-below-zero': [5, -700, 2, 0],
  'block-length-of-2-to-the-31': [5, 0x7fffffff, 2, 0],
  'strong-sum-longer-than-any': [5, 700, 255, 0],
  'strong-sum-below-zero': [5, 700, -1, 0],
  'strong-sum-of-nothing': [5, 700, 0, 0],
  'remainder-longer-than-a-block': [5, 700, 2, 701],
  'remainder-below-zero': [5, 700, 2, -1],
  'no-block-with-a-length': [0, 700, 2, 5],
}

for (const [name, head] of Object.entries(HEADS)) {
  test(name, async () => {
    const sums = Buffer.alloc(6 * 5)
    await served.attack(name, LISTED, data(new Requests().file(0, head), sums, DONE), GOODBYE)
    await served.isWell()
  })
}

test('sums-that-never-end', async () => {
  const client = await RawClient.open(served.port)
  const head = [2_000_000, 131_072, 16, 0]
  client.say(LISTED, data(new Requests().file(0, head)))
  const piece = data(Buffer.alloc(60_000, 0x5a))
  await deadline(client.pour(Array.from({ length: 200 }, () => piece)))
  await deadline(client.end())
  await served.isWell()
})

test('weak-sums-that-are-all-equal', async () => {
  const client = await RawClient.open(served.port)
  client.say(asking(['.', 'xo/42/root/zeros']))
  // The weak sum of zeros is zero; none of the strong ones is right.
  const count = 50_000
  const sums = Buffer.alloc(count * 18)
  for (let i = 0; i < count; i++) sums.writeUInt32LE(i + 1, i * 18 + 4)
  client.say(data(new Requests().file(0, [count, 700, 14, 0])))
  for (let at = 0; at < sums.length; at += 50_000) client.say(data(sums.subarray(at, at + 50_000)))
  client.say(data(DONE), GOODBYE)
  const { data: said } = await deadline(client.end())
  assert.ok(said.length >= 200_000, 'it comes as literals')
  await served.isWell()
})

test('redo-for-ever', async () => {
  const requests = new Requests()
  const many = Array.from({ length: 3000 }, () => requests.file(0))
  const first = Buffer.concat(many)
  await served.attack('in the first phase', LISTED, data(first.subarray(0, 50_000)))
  const again = new Requests()
  const later = [again.file(0), DONE, ...Array.from({ length: 1000 }, () => again.file(0))]
  await served.attack('in the second phase', LISTED, data(...later, DONE), GOODBYE)
  const last = new Requests()
  await served.attack('after both', LISTED, data(last.file(0), DONE, DONE, last.file(0)))
  const dones = data(...Array.from({ length: 5000 }, () => DONE))
  await served.attack('DONE without end', LISTED, dones)
  await served.isWell()
})

test('frame-that-is-none', async () => {
  for (const code of [5, 6, 9, 10, 22, 33, 42, 77, 86, 100, 101, 102, 200, 248]) {
    await served.attack(`code ${code}`, LISTED, frame(code, Buffer.alloc(4)), GOODBYE)
    await served.attack(`code ${code}, long`, LISTED, frame(code, Buffer.alloc(100_000)), GOODBYE)
  }
  await served.attack('below 7', LISTED, hex('04000000 00000000'))
  await served.attack('16 MB', LISTED, hex('ffffff07'), Buffer.alloc(1_000_000))
  await served.attack(
    'nothing, often',
    LISTED,
    ...Array.from({ length: 20_000 }, () => frame(0, latin(''))),
    GOODBYE,
  )
  await served.attack('text', LISTED, frame(3, latin(`\x1b[2J${'x'.repeat(5000)}\n`)), GOODBYE)
  await served.isWell()
})

test('giant-list-of-names', async () => {
  const words = ['--files-from=-', '--from0', '.', 'xo/']
  const letters = '-Re.LsfxCIvu'
  const client = await RawClient.open(served.port)
  client.say(asking(words, { letters }))
  function* names() {
    for (let i = 0; i < 40; i++) {
      yield data(latin(Array.from({ length: 500 }, (_, k) => `gone/${i}/${k}\0`).join('')))
      yield data(latin('latest\0'.repeat(3000)))
    }
  }
  await deadline(client.pour(names()))
  client.leave()
  await served.attack('one long name', asking(words, { letters }), data(latin('x'.repeat(60_000))))
  await served.isWell()
})

test('compression-and-checksum-that-nobody-has', async () => {
  for (const list of ['', 'x', 'md4', 'none', 'md5 '.repeat(60), '\0\0', ' '.repeat(250)]) {
    const text = `${GREETING}xo\n--server\0--sender\0-rze.LsfxCIvu\0.\0xo/\0\0`
    const string = (of: string) => Buffer.concat([Buffer.from([of.length]), latin(of)])
    const short = list.slice(0, 120)
    await served.attack(list, text, string(short), string(short), data(hex('00000000')), GOODBYE)
  }
  await served.attack(
    'longer than any',
    `${GREETING}xo\n--server\0--sender\0-rze.v\0.\0xo/\0\0`,
    hex('ffff'),
  )
  await served.isWell()
})

test('slow-reader and mute-client: they are left, and nobody waits for them', async () => {
  const clients: RawClient[] = []
  for (let i = 0; i < 5; i++) {
    const client = await RawClient.open(served.port)
    client.say(asking(['.', 'xo/42/root/big']), data(new Requests().file(0)))
    client.socket.pause()
    clients.push(client)
  }
  for (const start of ['', GREETING, `${GREETING}xo\n`, askingOnly(['.', 'xo/']), LISTED]) {
    clients.push((await RawClient.open(served.port)).say(start))
  }
  await served.isWell()
  for (const client of clients.slice(5)) assert.ok((await deadline(client.end())).ended)
  for (const client of clients) client.leave()
  await served.isWell()
})

test('keep-alives-without-end', async () => {
  // A minute of thought is each client's; here the server's minutes are short.
  const clock = {
    ...host.clock,
    monotonicMs: () => host.clock.monotonicMs() * HURRY,
    sleep: (ms: number) => host.clock.sleep(ms / HURRY),
  }
  const hurried = startServing([moduleOf(folder)], {}, { ...host, clock })
  const client = await RawClient.open(hurried.port)
  client.say(LISTED)
  const timer = setInterval(() => client.say(frame(0, latin(''))), 20)
  try {
    const { words } = await deadline(client.end())
    assert.match(words, /nothing|wait|useful|time/)
  } finally {
    clearInterval(timer)
    client.leave()
    await hurried.stop()
  }
  await served.isWell()
})

test('flood-of-connections', async () => {
  const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.open(served.port)))
  for (const [i, client] of clients.entries()) if (i % 2) client.say(LISTED)
  await served.isWell()
  for (const client of clients) client.leave()
  await served.isWell()
})

test.run()
