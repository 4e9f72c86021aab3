/**
 * A source that falls silent holds up nobody else: whoever has a better one goes first and takes what was
 * staged by then, and the one that was waiting goes on.
 */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, type Event } from '../support/device.ts'
import { BIG, BIG_SIZE, FRESH, FRESH_SIZE, image41, image42 } from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { copyTree } from '../support/tree.ts'
import { until } from '../support/until.ts'
import { Answers, agreed, END_OF_LIST, framed, HostileDaemon, listed } from './rsync-daemon.ts'

const DIRECTORY = 0o040755

const published = (...versions: number[]) => {
  const publisher = new Publisher()
  for (const version of versions) publisher.publish(version, version === 41 ? image41() : image42())
  return publisher
}

/** Runs what another command may keep waiting, until it is let in. */
async function letIn(device: Device, command: string, words: string[]): Promise<Event> {
  let tries = 0
  const result = await until(async () => {
    const { status, error, result } = await device.run(command, words)
    if (status !== 0) assert.is(error.class, 'BusyError', JSON.stringify(error))
    tries++
    return status === 0 && result
  })
  // Until it is clear that nothing comes from there, nobody gives way.
  assert.ok(tries <= 3, `${tries} tries`)
  return result
}

const notesOf = (events: Event[]) =>
  events.flatMap(({ event, text }) => (event === 'note' ? [text] : [])).join('\n')

test('an upgrade from a good stick goes first, and the one that waited goes on', async () => {
  const publisher = published(41)
  const stick = `file://${publisher.module}`
  const mute = await HostileDaemon.start(() => [agreed('zstd')], 'silence')
  try {
    const device = new Device({ sources: [mute.url], keys: publisher.keys.publicFile })
    await device.succeed('install', ['--source', stick])
    publisher.publish(42, image42())
    const waiting = device.run('upgrade')
    await until(() => mute.sessions.length > 0)
    await letIn(device, 'upgrade', ['--source', stick])
    assert.is((await device.succeed('status')).waiting, 42)
    // It asks its own source again, which is gone now.
    await until(() => mute.sessions.length > 1)
    mute.stop()
    const { status, events } = await waiting
    assert.is(status, 69)
    assert.match(notesOf(events), /another command wants the store .* and then this one goes on/)
    assert.is((await device.succeed('status')).waiting, 42)
  } finally {
    mute.stop()
  }
})

test('what came before the silence is used by whoever goes first', async () => {
  const publisher = published(42)
  const stick = `file://${publisher.module}`
  const bare = join(scratch('bare'), 'xo')
  copyTree(publisher.module, bare)
  rmSync(join(bare, '42/root'), { recursive: true })
  const content = Buffer.from(image42().get(FRESH)?.content ?? [])
  // Two files of all: the second one comes, and then nothing.
  const mute = await HostileDaemon.start(function* () {
    yield agreed()
    yield* framed([
      ...['.', 'usr', 'usr/lib'].map((name) => listed(name, 4096, DIRECTORY)),
      listed(BIG, BIG_SIZE),
      listed(FRESH, FRESH_SIZE),
      END_OF_LIST,
    ])
    const length = Buffer.alloc(4)
    length.writeInt32LE(content.length)
    const checksum = createHash('md5').update(content).digest()
    yield* framed([new Answers().head(4), length, content, Buffer.alloc(4), checksum])
  }, 'silence')
  try {
    const keys = publisher.keys.publicFile
    const configuration = { transfer: { compress: 'none' } }
    const whole = await new Device({ sources: [stick], keys }).succeed('install')
    const device = new Device({ sources: [`file://${bare}`, mute.url], keys, configuration })
    const waiting = device.run('install')
    await until(() => mute.sessions.length > 0)
    const result = await letIn(device, 'install', ['--source', stick])
    assert.is(result.fetchedBytes, whole.fetchedBytes - FRESH_SIZE)
    // There is nothing left to install for the one that waited.
    const { status, error } = await waiting
    assert.is(status, 64)
    assert.match(error.message, /holds version 42 already/)
    await device.succeed('verify')
  } finally {
    mute.stop()
  }
})

test.run()
