// deadline: 20 minutes
/**
 * A session with our server, cut at every byte: of what the client says, and of what it still reads. The server
 * gives back all that it held, and serves the next.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { fetchAll, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { moduleOf, startServing } from '../support/serving.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'
import { parseWire } from '../vectors/recording.ts'
import { makeModule } from '../vectors/sender-scenarios.ts'
import { RawClient } from './raw-client.ts'

const folder = scratch('module')
/** Lists and senders that are open. */
let held = 0

/** Counts what a session opens in C and has to close. */
function counting(host: Host): Host {
  const { sending } = host
  return {
    ...host,
    sending: {
      ...sending,
      openSender: (options) => {
        held++
        return sending.openSender(options)
      },
      closeSender: (sender) => {
        held--
        sending.closeSender(sender)
      },
      openSentList: (options) => {
        held++
        return sending.openSentList(options)
      },
      closeSentList: (list) => {
        held--
        sending.closeSentList(list)
      },
    },
  }
}

let serving: ReturnType<typeof startServing>
let open = 0
const descriptors = () => readdirSync('/proc/self/fd').length

test.before(async () => {
  makeModule(folder)
  serving = startServing([moduleOf(folder)], {}, counting(nodeHost()))
  await isWell()
  open = descriptors()
})
test.after(() => serving.stop())

async function isWell(): Promise<void> {
  const options = optionsFor(serving.port, { kind: 'paths', paths: ['latest'] })
  const { files } = await deadline(fetchAll(options, ['latest']))
  assert.is(files[0]?.content().toString(), 'kind=release\nversion=42\n')
}

/** Waits until as many were served as came, and looks for what they left. */
async function areGone(count: number, what: string): Promise<void> {
  await until(() => serving.served.length >= count, `${what}: the end of its session`)
  assert.is(held, 0, `${what}: lists and senders`)
}

for (const wire of ['rsync-3.5.0-zlibx', 'rsync-3.4.1-zstd', 'rsync-3.2.7-names']) {
  const text = readFileSync(join('test/vectors/sender', `${wire}.wire`), 'utf8')
  const pieces = parseWire(text).flat()
  const side = (sign: string) =>
    Buffer.concat(pieces.filter(({ from }) => from === sign).map(({ bytes }) => bytes))
  const words = side('>')
  const { length } = side('<')

  test(`${wire}: the client goes after every byte that it says`, async () => {
    for (let cut = 0; cut < words.length; cut++) {
      const before = serving.served.length
      const client = await RawClient.open(serving.port)
      // By turns it says farewell to its side alone, and is gone altogether.
      if (cut % 2 === 0) client.socket.end(words.subarray(0, cut))
      else client.socket.write(words.subarray(0, cut), () => client.leave())
      await areGone(before + 1, `after ${cut} of ${words.length} bytes`)
      client.leave()
    }
    await isWell()
    await until(() => descriptors() <= open, 'all files closed')
  })

  test(`${wire}: the client goes after every byte that it hears`, async () => {
    for (let cut = 0; cut < length; cut += cut < 200 ? 1 : 7) {
      const before = serving.served.length
      const client = await RawClient.open(serving.port)
      client.say(words)
      await deadline(client.until((heard) => heard.length >= cut))
      client.leave()
      await areGone(before + 1, `after ${cut} of ${length} bytes`)
    }
    await isWell()
    await until(() => descriptors() <= open, 'all files closed')
  })
}

test.run()
