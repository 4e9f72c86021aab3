/**
 * What stock clients said to stock daemons, said again to every server: it must list the same entries and
 * send the same files, whatever bytes it does that with.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import type { Daemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { servers } from '../support/servers.ts'
import { skip, test } from '../support/suite.ts'
import { parseWire } from './recording.ts'
import { TREE } from './scenarios.ts'
import { makeModule, moduleName, OLDER, SENDER_SCENARIOS } from './sender-scenarios.ts'
import { decodeSender, type SenderStream } from './sender-stream.ts'

const folder = 'test/vectors/sender'
const wires = readdirSync(folder)
const running: { name: string; daemon: Daemon }[] = []

test.before(async () => {
  const module = scratch('module')
  makeModule(module)
  for (const { name, start } of await servers()) {
    running.push({ name, daemon: await start([{ name: 'xo', path: module }]) })
  }
})

test.after(async () => {
  for (const { daemon } of running) await daemon.stop()
})

/** All that a server says to a client that says all of this at once. */
function answerTo(port: number, client: Buffer, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(client))
    socket.on('data', (bytes) => pieces.push(bytes))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(pieces)))
    // It is far from any limit: a server that says so much more than stock ones won't end.
    socket.on('data', () => {
      if (Buffer.concat(pieces).length > length * 10 + 100_000) socket.destroy()
    })
  })
}

test('there are vectors of every scenario and three versions', () => {
  assert.is(wires.length, SENDER_SCENARIOS.length * 3)
})

for (const wire of wires) {
  const scenario = SENDER_SCENARIOS.find(({ name }) => wire.endsWith(`-${name}.wire`))
  const pieces = parseWire(readFileSync(join(folder, wire), 'utf8')).flat()
  const side = (sign: string) =>
    Buffer.concat(pieces.filter(({ from }) => from === sign).map(({ bytes }) => bytes))
  const client = side('>')
  const decode = (server: Buffer): SenderStream =>
    decodeSender(client, server, (name) => {
      const text = OLDER[moduleName(name, scenario?.paths ?? [])]
      return text === undefined ? undefined : Buffer.from(text, 'latin1')
    })

  test(`${wire}: the recording has the files that were served`, () => {
    assert.ok(scenario, 'a vector without a scenario')
    const { files, entries } = decode(side('<'))
    assert.ok(entries.length > 1)
    assert.is(files.length > 0, scenario.name !== 'listing')
    for (const { index, content } of files) {
      const name = moduleName(entries[index]?.name ?? '', scenario.paths)
      const text = TREE[name.replace('root/same', 'manifest')]
      assert.is(content.toString('latin1'), text, name)
    }
  })

  test(`${wire}: every server lists and sends the same`, async () => {
    if (scenario?.name === 'owners' && process.geteuid?.() !== 0)
      skip('root owns what was recorded')
    const stock = decode(side('<'))
    for (const { name, daemon } of running) {
      const bytes = await deadline(answerTo(daemon.port, client, side('<').length))
      const own = decode(bytes)
      assert.equal(own.entries, stock.entries, name)
      assert.equal(own.names, stock.names, name)
      assert.is(own.seed, stock.seed, name)
      assert.is(own.files.length, stock.files.length, name)
      for (const [i, file] of own.files.entries()) assert.equal(file, stock.files[i], name)
      assert.is(own.dones, stock.dones, name)
      assert.equal(textsOf(own), textsOf(stock), name)
    }
  })
}

/**
 * Errors that are meant for the user; the other messages are a server's own affair. A daemon that
 * has changed its root calls what is in it by a slash.
 */
const textsOf = ({ messages }: SenderStream): string[] =>
  messages
    .filter(({ code }) => code === 1 || code === 3)
    .map(({ text }) => text.replace(/^rsync: (\[sender\] )?/, '').replace(/"\//g, '"'))

test.run()
