/** What a hostile rsync daemon may try, each attack by its name. */

import * as assert from 'uvu/assert'
import { PeerError } from '../../src/errors.ts'
import { Session } from '../../src/rsync/session.ts'
import { deadline } from '../support/deadline.ts'
import { AGREED, frame, hex, latin, WELCOME } from '../support/peer-bytes.ts'
import { rejects } from '../support/rejects.ts'
import { Fetched, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { Recording, replayed } from '../vectors/recording.ts'

const folder = scratch('hostile')
/** What the manifest allows for the one file (bytes). */
const SIZE = 5
/** One regular file "latest" of 5 bytes. */
const ENTRY = Buffer.concat([hex('01 06'), latin('latest'), hex('000500 69013557 a4810000')])
const LIST = Buffer.concat([AGREED, frame(0, Buffer.concat([ENTRY, hex('0000')]))])
const NOTHING = '00000000 00000000 00000000 00000000'
/** The file "hello" as an answer, and its MD5. */
const HELLO = Buffer.concat([
  hex(`01 0080 ${NOTHING} 05000000`),
  latin('hello'),
  hex('00000000 5d41402abc4b2a76b9719d911017c592'),
])

/** A daemon that says these pieces, each only when the previous one was used up. */
function daemon(...pieces: Buffer[]): Recording {
  return new Recording(
    pieces.map((bytes) => ({ from: '<', bytes })),
    () => Number.MAX_SAFE_INTEGER,
  )
}

async function session(
  recordings: Recording[],
  file = new Fetched('latest', folder),
): Promise<{ file: Fetched; texts: string[] }> {
  const texts: string[] = []
  const options = optionsFor(873, { kind: 'paths', paths: ['latest'] })
  options.onServerText = (level, text) => texts.push(`${level}: ${text}`)
  const modules = { ...host, sockets: replayed(recordings) }
  const open = await Session.open(modules, options)
  try {
    await open.fetch([file.wanted(SIZE)])
    await open.finish()
  } finally {
    open.close()
    file.close()
  }
  return { file, texts }
}

async function refused(expected: RegExp, ...pieces: Buffer[]): Promise<PeerError> {
  const error = await deadline(rejects(session([daemon(...pieces)]), expected))
  assert.instance(error, PeerError, error.stack ?? '')
  assert.match(error.message, 'rsync://127.0.0.1:873/xo: ')
  return error as PeerError
}

test('an honest daemon, for comparison', async () => {
  const goodbye = frame(0, hex('00 00 00 000000 000000 000000 000000 000000 00'))
  const { file } = await deadline(session([daemon(LIST, frame(0, HELLO), goodbye)]))
  assert.is(file.content().toString(), 'hello')
})

test('file-index-past-end, file-index-not-asked', async () => {
  await refused(/file 1, which was not asked for/, LIST, frame(0, hex('02')))
  await refused(/file 2147483647, which/, LIST, frame(0, hex('fe ff ff ff ff')))
  await refused(/file -101, which/, LIST, frame(0, hex('ff 64')))
  await refused(/file -3, which/, LIST, frame(0, hex('ff 02')))
})

test('answer-sent-twice', async () => {
  const again = Buffer.concat([hex('fe 00 00'), HELLO.subarray(1)])
  await refused(/file 0, which was not asked for/, LIST, frame(0, Buffer.concat([HELLO, again])))
  // When only the goodbye is left, it can't harm what was checked.
  const { file } = await deadline(session([daemon(LIST, frame(0, HELLO), frame(0, again))]))
  assert.is(file.content().toString(), 'hello')
})

test('answer-head-swapped, basis-type-unasked', async () => {
  const head = 'differs from its request'
  const zero = '00000000'
  for (let field = 0; field < 4; field++) {
    const sums = Array.from({ length: 4 }, (_, index) => (index === field ? '01000000' : zero))
    await refused(new RegExp(head), LIST, frame(0, hex(`01 0080 ${sums.join(' ')}`)))
  }
  await refused(new RegExp(head), LIST, frame(0, hex(`01 0180 ${NOTHING}`)))
  await refused(new RegExp(head), LIST, frame(0, hex(`01 0088 83 ${NOTHING}`)))
  await refused(new RegExp(head), LIST, frame(0, hex(`01 0090 01 61 ${NOTHING}`)))
})

test('block-token-without-basis', async () => {
  await refused(/protocol error/, LIST, frame(0, hex(`01 0080 ${NOTHING} ffffffff`)))
})

test('content-longer-than-listed: no byte beyond what was signed is written', async () => {
  const tail = HELLO.subarray(HELLO.length - 20)
  const longer = {
    'in one token': Buffer.concat([hex(`01 0080 ${NOTHING} 06000000`), latin('hello!'), tail]),
    'in two': Buffer.concat([HELLO.subarray(0, HELLO.length - 20), hex('01000000 21'), tail]),
  }
  for (const [how, answer] of Object.entries(longer)) {
    const file = new Fetched('latest', scratch('longer'))
    const error = await deadline(rejects(session([daemon(LIST, frame(0, answer))], file)))
    assert.instance(error, PeerError, `${how}: ${error.stack}`)
    assert.is((error as PeerError).kind, 'broken', how)
    assert.match(error.message, 'rsync://127.0.0.1:873/xo: ', how)
    assert.ok(file.content().length <= SIZE, `${how}: ${file.content().length} bytes`)
  }
})

test('done-before-time', async () => {
  await refused(/a DONE that ends nothing/, LIST, frame(0, hex('00')))
})

test('not-sent-without-request', async () => {
  await refused(/no file 7 will come/, LIST, frame(102, hex('07000000')))
  await refused(/before one was asked for/, AGREED, frame(102, hex('00000000')))
  const begun = hex(`01 0080 ${NOTHING} 05000000 68`)
  await refused(/no file 0 will come/, LIST, frame(0, begun), frame(102, hex('00000000')))
  await refused(/before one was asked for/, AGREED, frame(102, hex('00')))
})

test('words-with-control-characters', async () => {
  const words = frame(3, latin('no \u001b[2J\u0007 way\n'))
  const error = await refused(/it said: no \\033\[2J\\007 way$/, AGREED, words)
  assert.is(error.kind, 'refused')
  const exit = Buffer.concat([words, frame(86, hex('01000000'))])
  await refused(/the daemon gave up while .*it said: no/, LIST, exit)
})

test('incremental-recursion-forced', async () => {
  await refused(/incremental recursion/, Buffer.concat([WELCOME, hex('81ff')]))
})

test('no-common-checksum', async () => {
  const error = await refused(
    /no common checksum: we offer xxh128 .*, the daemon md4\\033/,
    Buffer.concat([WELCOME, hex('81fe 04'), latin('md4\u001b')]),
  )
  assert.is(error.kind, 'refused')
})

test('negotiation-refused-for-ever', async () => {
  const none = () => daemon(Buffer.concat([WELCOME, hex('06 00000000')]))
  const error = await deadline(rejects(session([none(), none(), none(), none()])))
  assert.instance(error, PeerError)
  assert.match(error.message, /the connection was cut while reading the file list/)
})

test('frame-of-unknown-kind, frame-too-long', async () => {
  await refused(/unknown kind, 9/, LIST, frame(9, hex('00000000')))
  await refused(/message 3 of 9000 bytes/, LIST, frame(3, Buffer.alloc(9000)))
})

test('checksum-never-right', async () => {
  const wrong = Buffer.concat([HELLO.subarray(0, HELLO.length - 1), hex('00')])
  const again = Buffer.concat([hex('00 fe 00 00'), wrong.subarray(1)])
  const pieces = [LIST, frame(0, wrong), frame(0, again), frame(0, hex('00'))]
  const { file } = await deadline(session([daemon(...pieces)]))
  assert.equal(file.result, { failed: 'damaged' })
  assert.is(file.tries, 2)
})

test.run()
