/** The benchmark's slow line: what goes through it arrives whole, and its round trips are counted. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { test } from '../support/suite.ts'

const tool = new URL('../../../../bench/line.mjs', import.meta.url).href
const { openLine } = await import(tool)

interface Line {
  port: number
  roundTrips(): number
  close(): Promise<void>
}

/** A server that treats each connection as told, with a line in front of it. */
async function withLine(
  serve: (socket: Socket) => void,
  shape: { bytesPerSecond?: number; roundTripMs: number },
  use: (line: Line) => Promise<void>,
): Promise<void> {
  const server: Server = createServer(serve)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const line: Line = await openLine({ port: (server.address() as { port: number }).port, ...shape })
  try {
    await deadline(use(line))
  } finally {
    await line.close()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Sends a text for each of `questions`, each after the answer to the one before; all that came. */
function ask(port: number, questions: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    let asked = 0
    const next = () => (asked++ < questions ? socket.write('?') : socket.end())
    socket.on('connect', next)
    socket.on('data', (bytes) => {
      got += bytes
      next()
    })
    socket.on('end', () => resolve(got))
    socket.on('error', reject)
  })
}

const echo = (socket: Socket) => socket.on('data', (bytes) => socket.write(bytes))

test('each question that waits for an answer is a round trip, and so is the handshake', () =>
  withLine(echo, { roundTripMs: 20 }, async (line) => {
    assert.is(await ask(line.port, 3), '???')
    assert.is(line.roundTrips(), 4)
    assert.is(await ask(line.port, 1), '?')
    assert.is(line.roundTrips(), 6, 'the next connection comes after')
  }))

test('what is on its way at the same time is one round trip', () => {
  const many = (socket: Socket) => {
    for (let i = 0; i < 50; i++) setTimeout(() => socket.write('x'), i)
    socket.on('data', () => {})
    socket.on('end', () => socket.end())
  }
  return withLine(many, { roundTripMs: 200 }, async (line) => {
    await new Promise<void>((resolve) => {
      const socket = connect(line.port, '127.0.0.1')
      let got = 0
      socket.on('data', (bytes) => {
        got += bytes.length
        // Words that nobody waits for.
        socket.write('thanks')
        if (got === 50) socket.end()
      })
      socket.on('end', resolve)
    })
    assert.ok(line.roundTrips() <= 2, String(line.roundTrips()))
  })
})

test('bytes arrive whole and in order, and take as long as the rate says', () => {
  const content = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251))
  return withLine(
    (socket) => socket.end(content),
    { bytesPerSecond: 2_000_000, roundTripMs: 2 },
    async (line) => {
      const begun = performance.now()
      const chunks: Buffer[] = []
      await new Promise((resolve) =>
        connect(line.port, '127.0.0.1')
          .on('data', (bytes) => chunks.push(bytes as Buffer))
          .on('end', resolve),
      )
      assert.ok(Buffer.concat(chunks).equals(content))
      assert.ok(performance.now() - begun >= 500)
    },
  )
})

test.run()
