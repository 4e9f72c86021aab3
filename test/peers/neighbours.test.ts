/**
 * Laptops that ask and answer on one link: one of many answers, in order and in bounds; and what a hostile
 * one can and can't do: forge, flood, and keep others quiet.
 */
import * as assert from 'uvu/assert'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { ANSWERS_PER_MINUTE_MAX, NEIGHBOURS_MAX } from '../../src/limits.ts'
import { NeighbourAnswers, type NeighbourOffer } from '../../src/peers/answer.ts'
import { askNeighbours, type Neighbour } from '../../src/peers/ask.ts'
import {
  decodeNeighbourQuestion,
  encodeNeighbourAnswer,
  encodeNeighbourQuestion,
} from '../../src/peers/words.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { test } from '../support/suite.ts'
import { Air } from './air.ts'

const PORT = 8766
const OFFERED: NeighbourOffer = {
  ...{ hardware: 'xo-1', deployment: 'peru', versions: [41, 42], packs: ['41-42', '40-42'] },
  ...{ port: 8873, places: 3, freePlaces: 3 },
}
const WISH = { hardware: 'xo-1', deployment: 'peru', wanted: 42, has: 41, aside: [] }
const nobodyAside = () => false

function school() {
  const air = new Air(new VirtualClock())
  const answering = (node: number, change: Partial<NeighbourOffer> = {}, families?: (4 | 6)[]) =>
    new NeighbourAnswers(
      air.laptop(node, families),
      { port: PORT, offered: () => ({ ...OFFERED, ...change }) },
      (error) => {
        throw error
      },
    )
  const ask = (
    change: Partial<typeof WISH> | { wanted: undefined } = {},
    isAside: (one: Neighbour) => boolean = nobodyAside,
    families?: (4 | 6)[],
  ) => air.until(askNeighbours(air.laptop(1, families), PORT, { ...WISH, ...change }, isAside))
  return { air, answering, ask }
}

/** Answers every question that it hears, at once, in whatever way it likes. */
function liar(air: Air, answersTo: (question: Uint8Array, nonce: string) => void): void {
  const { sockets } = air.laptop(66)
  for (const family of [4, 6] as const) {
    const ear = sockets.openDatagram({ family, host: '', port: PORT, broadcast: false, groups: [] })
    const buffer = new Uint8Array(2000)
    const hear = async (): Promise<never> => {
      for (;;) {
        const { length } = await sockets.receiveDatagram(ear, buffer, 0)
        const heard = buffer.slice(0, length)
        try {
          answersTo(heard, decodeNeighbourQuestion(heard).nonce)
        } catch {
          // An answer of somebody, its own among them.
        }
      }
    }
    void hear()
  }
}

const forged = (nonce: string, change: object = {}) =>
  encodeNeighbourAnswer(
    { nonce, version: 42, packs: [], places: 3, port: 1111, ...change },
    1000,
  ) as Uint8Array

test('of forty that have it one answers, and the others keep quiet', async () => {
  const { air, answering, ask } = school()
  const all = Array.from({ length: 40 }, (_, index) => answering(index + 2))
  const found = await ask()
  await air.pass(5)
  const answered = all.reduce((sum, one) => sum + one.answered, 0)
  const quiet = all.reduce((sum, one) => sum + one.keptQuiet, 0)
  assert.equal([answered, quiet, air.answers()], [1, 39, 1])
  assert.is(found.length, 1)
  assert.is(found[0]?.port, 8873)
  assert.equal(found[0]?.packs[0], '41-42')
})

test('the question is one datagram of each family, and the answer is no larger', async () => {
  const { air, answering, ask } = school()
  answering(2)
  await ask()
  const [four, six, answer] = air.sent
  assert.equal([four?.from, six?.from, air.sent.length], ['10.0.0.1', 'fe80::1%eth0', 3])
  assert.is(four?.text, six?.text)
  assert.ok((answer?.text.length ?? 999) <= (four?.text.length ?? 0))
})

test('one that has only IPv4, or only IPv6, is heard and answered', async () => {
  for (const family of [4, 6] as const) {
    const here = school()
    here.answering(2, {}, [family])
    assert.is((await here.ask()).length, 1, `it has IPv${family} alone`)
    const there = school()
    there.answering(2)
    const found = await there.ask({}, nobodyAside, [family])
    assert.is(found[0]?.address, family === 4 ? '10.0.0.2' : 'fe80::2%eth0')
  }
})

test('who has another version, hardware or deployment, or no place, says nothing', async () => {
  const { air, answering, ask } = school()
  answering(2, { versions: [41] })
  answering(3, { hardware: 'xo-4' })
  answering(4, { deployment: 'any' })
  answering(5, { freePlaces: 0 })
  answering(6, { versions: [43] })
  assert.equal(await ask(), [])
  assert.is(air.answers(), 0)
  assert.is((await ask({ wanted: undefined })).length, 1)
  assert.match(air.sent.at(-1)?.text ?? '', /version=43/)
})

test('nobody asks, nobody speaks', async () => {
  const { air, answering } = school()
  for (const node of [2, 3, 4]) answering(node)
  await air.pass(86_400)
  assert.equal(air.sent, [])
})

test('whoever is busy waits longer', async () => {
  const waits = async (freePlaces: number) => {
    const { air, answering, ask } = school()
    answering(2, { places: 100, freePlaces })
    await ask()
    return air.sent.at(-1)?.atMs ?? 0
  }
  const [idle, busy] = [await waits(100), await waits(1)]
  assert.ok(idle < busy && idle <= 1000 && busy <= 3000, `${idle} ms and ${busy} ms`)
})

test('who serves nobody any more by the time of its answer gives none', async () => {
  const { air, ask } = school()
  let isOn = true
  const offered = () => {
    const now = isOn ? OFFERED : undefined
    isOn = false
    return now
  }
  new NeighbourAnswers(air.laptop(2), { port: PORT, offered }, () => {})
  assert.equal(await ask(), [])
})

test('an answer is for one question, for its version, and from a link of ours', async () => {
  for (const [nonce, version, address] of [
    ['f'.repeat(16), 42, '10.0.0.66'],
    [undefined, 41, '10.0.0.66'],
    [undefined, 42, '192.0.2.1'],
    [undefined, 42, '127.0.0.1'],
    [undefined, 42, '10.0.0.1'],
  ] as const) {
    const { air, ask } = school()
    liar(air, (_, asked) => {
      const from = { family: 4 as const, address, port: 1 }
      air.send(from, forged(nonce ?? asked, { version }))
    })
    assert.equal(await ask(), [], `${address} with ${version}`)
  }
})

test('a question from elsewhere, or from this laptop itself, is not answered', async () => {
  const { air, answering } = school()
  answering(2)
  for (const address of ['192.0.2.1', '127.0.0.1', '10.0.0.2', '10.0.1.3']) {
    const nonce = address.replace(/\D/g, '').padEnd(16, '0')
    air.send({ family: 4, address, port: 1 }, encodeNeighbourQuestion({ ...WISH, nonce }))
  }
  const nonce = 'a'.repeat(16)
  air.send(
    { family: 6, address: '2001:db8::3', port: 1 },
    encodeNeighbourQuestion({ ...WISH, nonce }),
  )
  await air.pass(5)
  assert.is(air.answers(), 0)
})

test('thousands of forged answers are a few places to try, and memory for no more', async () => {
  const { air, ask } = school()
  liar(air, (_, nonce) => {
    for (let node = 0; node < 5000; node++) {
      const address = `10.0.0.${(node % 250) + 2}`
      air.send({ family: 4, address, port: 1 }, forged(nonce, { port: 1000 + node }))
    }
  })
  assert.is((await ask()).length, NEIGHBOURS_MAX)
})

test('a forged answer with an honest one’s address does not take its place', async () => {
  const { air, answering, ask } = school()
  answering(2)
  liar(air, (_, nonce) => {
    // Of another version: it keeps nobody quiet, and is none to try.
    air.send({ family: 4, address: '10.0.0.2', port: 1 }, forged(nonce, { version: 41 }))
  })
  const found = await ask()
  assert.equal(
    found.map(({ port }) => port),
    [8873],
  )
})

test('one that is set aside is not tried, and keeps nobody quiet', async () => {
  const { air, answering, ask } = school()
  answering(2)
  liar(air, (_, nonce) => air.send({ family: 4, address: '10.0.0.66', port: 1 }, forged(nonce)))
  const first = await ask()
  assert.equal(
    first.map(({ address }) => address),
    ['10.0.0.66'],
    'the liar was first, and the honest one heard it',
  )
  const isAside = ({ address }: Neighbour) => address === '10.0.0.66'
  const second = await ask({ aside: ['10.0.0.66'] } as object, isAside)
  assert.equal(
    second.map(({ port }) => port),
    [8873],
  )
})

test('a flood of questions has it say so much a minute, and no more', async () => {
  const { air, answering } = school()
  const one = answering(2)
  for (let round = 0; round < 600; round++) {
    const nonce = round.toString(16).padStart(16, '0')
    const from = { family: 4 as const, address: '10.0.0.66', port: 1 }
    air.send(from, encodeNeighbourQuestion({ ...WISH, nonce }))
    await air.pass(0.1)
  }
  assert.ok(one.answered > 0 && one.answered <= 1.5 * ANSWERS_PER_MINUTE_MAX, `${one.answered}`)
})

test('a flood of questions that are none of ours has it look at its store now and then', async () => {
  const { air } = school()
  let looks = 0
  const offered = () => {
    looks++
    return OFFERED
  }
  new NeighbourAnswers(air.laptop(2), { port: PORT, offered }, () => {})
  for (let round = 0; round < 1000; round++) {
    const nonce = round.toString(16).padStart(16, '0')
    const question = { ...WISH, deployment: 'elsewhere', nonce }
    air.send({ family: 4, address: '10.0.0.66', port: 1 }, encodeNeighbourQuestion(question))
    await air.pass(0.01)
  }
  assert.ok(looks > 0 && looks <= 20 + 5 * 11, `${looks}`)
})

test('noise is nothing', async () => {
  const { air, answering, ask } = school()
  answering(2)
  liar(air, () => {
    for (const noise of ['', 'kind=neighbour\n', 'x'.repeat(1500), 'kind=ask-neighbours\n\0']) {
      air.send({ family: 4, address: '10.0.0.66', port: 1 }, arrayOfBytes(noise))
    }
  })
  assert.is((await ask()).length, 1)
})

test('without a network nobody is asked, and nothing is waited for', async () => {
  const { air } = school()
  const modules = air.laptop(1)
  const alone = { ...modules, sockets: { ...modules.sockets, interfaces: () => [] } }
  assert.equal(await askNeighbours(alone, PORT, WISH, nobodyAside), [])
  assert.is(air.clock.nowMs(), 0)
})

test.run()
