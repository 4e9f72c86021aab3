/**
 * Home servers that mean harm, and whoever else does on the way: each attack by its name. Whatever comes is
 * refused in time and within bounds, and the laptop's record stays as it was.
 */
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { callHome } from '../../src/call-home/call-home.ts'
import { parseHttpUrl } from '../../src/call-home/http-post.ts'
import type { Question } from '../../src/call-home/question.ts'
import { encodeReply } from '../../src/call-home/reply.ts'
import { consult } from '../../src/decision/consult.ts'
import { DeadlineError, PeerError, TrustError } from '../../src/errors.ts'
import { makeKeyPair, readPublicKey, readSecretKey, sign } from '../../src/release/signify.ts'
import { changeState, readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { deadline } from '../support/deadline.ts'
import { answer, HomeServer, replying, replyTo, type Script } from '../support/home-server.ts'
import { nodeHost } from '../support/host.ts'
import { rejects } from '../support/rejects.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const pair = makeKeyPair(host, 'home')
const secret = readSecretKey(host, pair.secretFile)
const keys = [readPublicKey(host, pair.publicFile)]
const foreign = readSecretKey(host, makeKeyPair(host, 'foreign').secretFile)
const DAY = 86_400
const NOW = Math.floor(Date.now() / 1000)
const STATE = { trial: undefined, bad: [], last: undefined }
/** Long enough that only silence is late, even on a busy machine. */
const TIMEOUT_MS = 30_000
const SILENCE_MS = 1500

const laptop = { serial: 'SHC1', hardware: 'xo-1', deployment: 'any', installed: 41 }

let home: HomeServer
test.before(async () => {
  home = await HomeServer.start(() => {})
})
test.after(() => home.stop())

function ask(script: Script, timeoutMs = TIMEOUT_MS) {
  home.script = script
  const server = { address: parseHttpUrl(home.url), keys, timeoutMs }
  return deadline(callHome(host, server, laptop, STATE))
}

const signed = (question: Question, change = {}, key = secret) =>
  sign(encodeReply(replyTo(question, change)), key, '')

/** What comes after the question, byte for byte. */
const saying =
  (...pieces: (string | ((question: Question) => string | Uint8Array))[]): Script =>
  (socket, question) => {
    for (const piece of pieces) socket.write(typeof piece === 'string' ? piece : piece(question))
    socket.end()
  }

const chunked = (question: Question, size = 7) => {
  const body = Buffer.from(signed(question))
  let text = ''
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size).toString('latin1')
    text += `${piece.length.toString(16)};x=1\r\n${piece}\r\n`
  }
  return Buffer.from(`${text}0\r\nTrailer: yes\r\n\r\n`, 'latin1')
}

test('what a stock proxy makes of a reply is understood', async () => {
  const plain = await ask(replying(secret, { version: 42, message: 'Hola' }))
  assert.is(plain.version, 42)
  assert.is(plain.message, 'Hola')
  const head = 'HTTP/1.1 200 OK\r\nServer: x\r\nVia: 1.1 y\r\n'
  await ask(saying(`${head}Transfer-Encoding: chunked\r\n\r\n`, (question) => chunked(question)))
  await ask(saying(`${head}transfer-encoding: CHUNKED\r\n\r\n`, (question) => chunked(question, 1)))
  await ask(saying('HTTP/1.0 200\r\n\r\n', (question) => signed(question)))
  await ask(saying(`HTTP/1.1 100 Continue\r\n\r\n${head}\r\n`, (question) => signed(question)))
  // Byte by byte, and a connection that stays open.
  await ask((socket, question) => {
    const body = signed(question)
    const bytes = Buffer.concat([
      Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`),
      Buffer.from(body),
    ])
    socket.setNoDelay()
    let at = 0
    const next = () => {
      if (at < bytes.length) socket.write(bytes.subarray(at, ++at), next)
    }
    next()
  })
})

const UNTRUSTED: [string, Script, RegExp][] = [
  ['nonce-replay', replying(secret, { nonce: '0'.repeat(32) }), /^replay: .*another question/],
  ['another-laptops-reply', replying(secret, { serial: 'SHC2' }), /^wrong serial: /],
  ['foreign-key', replying(foreign, {}), /^unknown key: /],
  ['forged-key-number', replying({ ...foreign, number: secret.number }, {}), /^forged: /],
  [
    'kind-confusion',
    (socket, { serial, nonce }) => {
      const text = `kind=release\nserial=${serial}\nnonce=${nonce}\n`
      answer(socket, sign(new Uint8Array(Buffer.from(text)), secret, ''))
    },
    /"kind=call-home-reply" was expected/,
  ],
  [
    'flipped-bit',
    (socket, question) => {
      const body = signed(question)
      body[body.length - 20] = (body[body.length - 20] ?? 0) ^ 4
      answer(socket, body)
    },
    /^forged: /,
  ],
  [
    'no-signature',
    saying('HTTP/1.1 200 OK\r\n\r\n<html>Welcome to the hotel</html>'),
    /not a signed/,
  ],
  [
    'endless-length',
    saying('HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n'),
    /^endless data/,
  ],
  ['endless-body', flooding('HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(1000)), /^endless data/],
  [
    'endless-chunks',
    flooding(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      '3e8\r\n',
      'x'.repeat(1000),
      '\r\n',
    ),
    /^endless data/,
  ],
  [
    'huge-chunk',
    saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n'),
    /^endless data/,
  ],
]

for (const [attack, script, message] of UNTRUSTED) {
  test(attack, async () => {
    assert.instance(await rejects(ask(script), message), TrustError)
  })
}

/** Says the first, and then the rest without end. */
function flooding(first: string, ...rest: string[]): Script {
  return (socket: Socket) => {
    socket.write(first)
    const more = () => {
      if (!socket.destroyed) socket.write(rest.join(''), more)
    }
    more()
  }
}

const OK = 'HTTP/1.1 200 OK\r\n'
const BROKEN: [string, Script][] = [
  ['no-http', saying('220 mail.example.org ESMTP\r\n')],
  ['binary-noise', saying(() => new Uint8Array(3000).map((_, index) => (index * 31) & 255))],
  ['nothing-at-all', saying('')],
  ['cut-in-the-head', saying('HTTP/1.1 200 OK\r\nContent-Le')],
  ['cut-in-the-body', saying(`${OK}Content-Length: 100\r\n\r\nabc`)],
  ['cut-in-a-chunk', saying(`${OK}Transfer-Encoding: chunked\r\n\r\n10\r\nabc`)],
  ['length-and-chunks', saying(`${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc`)],
  ['two-lengths', saying(`${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`)],
  ['negative-length', saying(`${OK}Content-Length: -1\r\n\r\nabc`)],
  ['length-in-hex', saying(`${OK}Content-Length: 0x3\r\n\r\nabc`)],
  ['unknown-coding', saying(`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)],
  ['packed', saying(`${OK}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na`)],
  ['folded-header', saying(`${OK}X: a\r\n b\r\n\r\n`)],
  ['header-without-name', saying(`${OK}: a\r\n\r\n`)],
  ['blank-in-a-name', saying(`${OK}Content-Length : 3\r\n\r\nabc`)],
  ['bare-newlines', saying('HTTP/1.1 200 OK\nContent-Length: 3\n\nabc')],
  ['chunk-size-with-sign', saying(`${OK}Transfer-Encoding: chunked\r\n\r\n-1\r\n`)],
  ['chunk-longer-than-it-says', saying(`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`)],
  ['endless-head', flooding(OK, 'X-More: abc\r\n'.repeat(50))],
  ['endless-line', flooding('HTTP/1.1 200 ', 'x'.repeat(500))],
  ['endless-continue', flooding('', 'HTTP/1.1 100 Continue\r\n\r\n')],
  [
    'endless-trailers',
    flooding(`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'A: b\r\n'.repeat(50)),
  ],
  [
    'chunks-of-one-byte',
    flooding(`${OK}Transfer-Encoding: chunked\r\n\r\n`, `1;${'x'.repeat(500)}\r\na\r\n`),
  ],
  ['redirect', saying('HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n')],
  ['server-error', saying('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n')],
  ['not-found', saying('HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc')],
  ['no-content', saying('HTTP/1.1 204 No Content\r\n\r\n')],
  ['hang-up', (socket) => socket.resetAndDestroy()],
]

for (const [attack, script] of BROKEN) {
  test(attack, async () => {
    assert.instance(await rejects(ask(script), /^http:\/\/127/), PeerError)
  })
}

test('slow-retrieval', async () => {
  const drip: Script = (socket) => {
    const timer = setInterval(() => socket.write('H'), 100)
    socket.on('close', () => clearInterval(timer))
  }
  assert.instance(
    await rejects(ask(drip, SILENCE_MS), /no complete answer within 1.5 s/),
    DeadlineError,
  )
  assert.instance(
    await rejects(
      ask(() => {}, SILENCE_MS),
      /no complete answer/,
    ),
    DeadlineError,
  )
})

test('whatever is refused leaves the record as it was, and the laptop goes by that', async () => {
  const path = scratch('store')
  const store = Store.open(host, path, true)
  const record = {
    stolen: false,
    leaseEnd: NOW + DAY,
    version: 42,
    intervalSeconds: 60,
    priority: 'low' as const,
    sources: ['file:///a'],
    message: 'as before',
  }
  changeState(store, { home: record, trustedSeconds: NOW - DAY })
  const before = readState(store)
  const server = { address: parseHttpUrl(home.url), keys, timeoutMs: TIMEOUT_MS }
  const policy = {
    hold: false,
    pinned: undefined,
    allowDowngrade: false,
    onBattery: true,
    hours: undefined,
    sources: [],
  }
  const lock = { enforce: true, graceSeconds: 0 }
  for (const [attack, script] of [...UNTRUSTED, ...BROKEN]) {
    home.script = script
    const given = { home: { server, laptop }, policy, lock, inhibit: '/nowhere' }
    const { home: outcome, decision } = await consult(store, given)
    assert.ok(['refused', 'away'].includes(outcome), attack)
    assert.equal(readState(store), before, attack)
    assert.is(decision.act, 'stay')
  }
  store.close()
})

test.run()
