/**
 * Measuring a program: its bytes on the wire, its time and its peak memory, against known values.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { DEADLINE_MS, deadline } from '../support/deadline.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const tool = new URL('../../../../tools/measure.mjs', import.meta.url).href
const { measured, readRecords, startMeasure, stopAll } = await import(tool)

const folder = mkdtempSync(join(tmpdir(), 'measure-'))

test.after(() => rmSync(folder, { recursive: true, force: true }))

/** Sends bytes to a port, ends its side, and counts what comes back. */
function exchange(port: number, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = 0
    const socket = connect(port, '127.0.0.1', () => socket.end(Buffer.alloc(length, 'x')))
    socket.setTimeout(DEADLINE_MS, () => reject(new Error('nothing came')))
    socket.on('data', (chunk) => {
      received += chunk.length
    })
    socket.on('end', () => resolve(received))
    socket.on('error', reject)
  })
}

async function closedRecord(log: string) {
  const deadline = Date.now() + DEADLINE_MS
  while (Date.now() < deadline) {
    const record = readRecords(log).find((one: { closed?: number }) => one.closed !== undefined)
    if (record) return record
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('the connection did not end')
}

test('a client is measured, with its status and its output', async () => {
  const command = ['sh', '-c', 'echo said; echo aside >&2; sleep 0.1; exit 3']
  const { status, output, wall, peakKiB } = await measured(command, { folder })
  assert.is(status, 3)
  assert.match(output, 'said')
  assert.match(output, 'aside')
  assert.ok(wall >= 0.1, `wall ${wall}`)
  assert.ok(peakKiB > 100, `peak ${peakKiB}`)
})

test('what a client writes to the disk is counted', async () => {
  const file = join(folder, 'written')
  const { written } = await measured(['dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=4'], {
    folder,
  })
  assert.ok(written >= 4 * 1024 * 1024 && written < 5 * 1024 * 1024, String(written))
})

test('the processor time of a client is what it burnt', async () => {
  const busy = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
  const { user, system, wall } = await measured(['sh', '-c', busy], { folder })
  assert.ok(user > 0.02 && user + system <= wall * 1.1 + 0.05, `${user} ${system} ${wall}`)
})

test('bytes of a connection are counted to the byte, in both directions', async () => {
  const log = join(folder, 'connections')
  const server = ['sh', '-c', 'cat > /dev/null; head -c 300000 /dev/zero']
  const { child } = await startMeasure(
    ['serve', '0', log, ...server],
    ['ignore', 'pipe', 'inherit'],
  )
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (text: Buffer) => resolve(Number(String(text)))),
  )
  assert.is(await exchange(port, 123_457), 300_000)
  const record = await closedRecord(log)
  assert.is(record.received, 123_457)
  assert.is(record.sent, 300_000)
  assert.is(record.status, 0)
  await stopAll()
})

test('a program that runs when all is stopped ends', async () => {
  const begun = join(folder, 'begun')
  const run = measured(['sh', '-c', `touch ${begun}; while :; do sleep 0.1; done`], { folder })
  await until(() => existsSync(begun))
  await stopAll()
  const { status } = await deadline<{ status: number | null }>(run)
  assert.is.not(status, 0)
})

test.run()
