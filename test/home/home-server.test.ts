/** The home server as a process of its own, asked by the laptop's own code and by rude clients. */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { callHome } from '../../src/call-home/call-home.ts'
import { parseHttpUrl } from '../../src/call-home/http-post.ts'
import { makeKeyPair, readPublicKey } from '../../src/release/signify.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { PROGRAM } from '../support/program.ts'
import { rejects } from '../support/rejects.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { until } from '../support/until.ts'

const host = nodeHost()
const folder = scratch('home')
const pair = makeKeyPair(signing, 'home')
writeFileSync(join(folder, 'home.sec'), pair.secretFile, { encoding: 'latin1', mode: 0o600 })
const keys = [readPublicKey(signing, pair.publicFile)]
const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
const log = () =>
  readFileSync(join(folder, 'calls.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

let server: ChildProcess
let port = 0
let complaints = ''

const call = (serial: string, installed = 41, bad: number[] = []) =>
  callHome(
    host,
    { address: parseHttpUrl(`http://127.0.0.1:${port}/`), keys, timeoutMs: 10_000 },
    { serial, hardware: 'xo-1', deployment: 'any', installed },
    { trial: undefined, bad, last: undefined },
  )

test.before(async () => {
  put('latest', '42\n')
  const words = ['home', '--folder', folder, '--key', join(folder, 'home.sec')]
  server = spawn(PROGRAM, [...words, '--listen', '127.0.0.1:0', '--json'])
  server.stderr?.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const line: string = await deadline(
    new Promise((resolve) => server.stdout?.setEncoding('utf8').once('data', resolve)),
  )
  port = JSON.parse(line.split('\n', 1)[0] ?? '').port
})

test.after(() => {
  server.kill('SIGKILL')
})

test('a laptop gets a reply that it believes', async () => {
  const reply = await deadline(call('SHC1'))
  assert.is(reply.version, 42)
  assert.is(reply.stolen, false)
  assert.ok(Math.abs(reply.time - Date.now() / 1000) < 60)
})

test('what changes in the folder changes the answers; what is wrong there does not', async () => {
  put('stolen', 'SHC2\n')
  put('latest', '43\n')
  await until(async () => (await call('SHC1')).version === 43)
  assert.is((await deadline(call('SHC2'))).stolen, true)
  put('latest', 'forty-four\n')
  await until(async () => {
    assert.is((await call('SHC1')).version, 43)
    return /latest, line 1: "forty-four".*holds until this is corrected/.test(complaints)
  })
  put('latest', '44\n')
  await until(async () => (await call('SHC1')).version === 44)
  put('latest', '43\n')
  await until(async () => (await call('SHC1')).version === 43)
})

test('each call is a line, with an address only of the stolen', async () => {
  const before = log().length
  await deadline(call('SHC3', 43, [41]))
  const last = log().at(-1)
  assert.is(log().length, before + 1)
  const { serial, installed, bad, answered, stolen } = last
  assert.equal([serial, installed, bad, answered, stolen], ['SHC3', 43, [41], 43, false])
  assert.is(last.address, undefined)
  assert.is(last.nonce, undefined)
  assert.is(log().find((line) => line.serial === 'SHC2').address, '127.0.0.1')
})

test('a log that was renamed is begun again', async () => {
  renameSync(join(folder, 'calls.jsonl'), join(folder, 'calls.old'))
  await deadline(call('SHC4'))
  assert.equal(
    log().map(({ serial }) => serial),
    ['SHC4'],
  )
  appendFileSync(join(folder, 'calls.old'), readFileSync(join(folder, 'calls.jsonl')))
  renameSync(join(folder, 'calls.old'), join(folder, 'calls.jsonl'))
})

function rude(bytes: string): Promise<string> {
  return deadline(
    new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
      socket.setEncoding('latin1')
      socket.on('data', (text) => {
        answer += text
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(answer))
    }),
  )
}

test('what is not a question is refused by name', async () => {
  const asked = (head: string, body = '') => rude(`${head}\r\n\r\n${body}`)
  const post = (body: string, more = '') =>
    asked(`POST /call-home HTTP/1.1\r\nContent-Length: ${body.length}${more}`, body)
  assert.match(await asked('GET /call-home HTTP/1.1'), /^HTTP\/1.1 405 /)
  assert.match(await asked('GET / HTTP/1.1'), /^HTTP\/1.1 404 /)
  assert.match(await asked('hello'), /^HTTP\/1.1 400 /)
  assert.match(await post('kind=release\n'), /^HTTP\/1.1 400 [\s\S]*kind=call-home/)
  assert.match(await post('x', '\r\nContent-Length: 1'), /^HTTP\/1.1 400 /)
  assert.match(await post('x', '\r\nTransfer-Encoding: chunked'), /^HTTP\/1.1 501 /)
  assert.match(await asked('POST / HTTP/1.1\r\nContent-Length: 99999'), /^HTTP\/1.1 413 /)
  assert.match(await rude(`GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(4000)}`), /^HTTP\/1.1 431 /)
})

test('who says nothing keeps nobody waiting', async () => {
  const silent = Array.from({ length: 150 }, () => connect(port, '127.0.0.1'))
  const callAll = async () => {
    for (let i = 0; i < 10; i++) await call(`SHC1${i}`)
  }
  await deadline(callAll())
  for (const socket of silent) socket.destroy()
})

test('a crowd that says nothing gives way to a laptop that asks', async () => {
  const crowd = Array.from({ length: 500 }, () => connect(port, '127.0.0.1'))
  for (const socket of crowd) {
    socket.on('error', () => {})
    socket.write('POST / HTTP/1.1\r\n')
  }
  try {
    // All of them came before: at ten seconds for each, it would have waited for twenty.
    assert.is((await deadline(call('SHC5'))).version, 43)
  } finally {
    for (const socket of crowd) socket.destroy()
  }
})

test('a laptop that trusts another key does not believe it', async () => {
  const other = [readPublicKey(signing, makeKeyPair(signing, 'other').publicFile)]
  const address = parseHttpUrl(`http://127.0.0.1:${port}/`)
  const asking = callHome(
    host,
    { address, keys: other, timeoutMs: 10_000 },
    { serial: 'SHC1', hardware: 'any', deployment: 'any', installed: 41 },
    { trial: undefined, bad: [], last: undefined },
  )
  assert.match(((await deadline(rejects(asking))) as Error).message, /unknown key/)
})

test('the fleet: who runs what, who is behind, who rolled back, who was silent', () => {
  const old = { time: 1_700_000_000, serial: 'OLD', hardware: 'xo-1', deployment: 'peru', bad: [] }
  appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify({ ...old, installed: 12 })}\n{"to`)
  const words = ['home', '--folder', folder, '--fleet']
  const { stdout, status } = run(PROGRAM, words)
  assert.is(status, 0)
  assert.match(stdout, /laptops have called\./)
  assert.match(stdout, /Behind: \d+\n[\s\S]*SHC1 \(any\) runs version 41, wanted is 43/)
  assert.match(stdout, /Rolled back: 1\n {2}SHC3 \(any\) from 41/)
  assert.match(stdout, /Silent for 14 days: 1\n {2}OLD \(peru\) last on 2023-11-14T22:13:20Z/)
  assert.match(stdout, /Stolen: 1\n {2}SHC2/)
  assert.match(stdout, /1 lines of the log are not calls/)
  const record = JSON.parse(run(PROGRAM, [...words, '--json']).stdout)
  assert.equal(record.rolledBack, ['SHC3'])
  assert.equal(record.silent, ['OLD'])
  assert.is(record.versions['version 43'], 1)
  const all = JSON.parse(run(PROGRAM, [...words, '--json', '--silent-days', '0']).stdout)
  assert.is(all.silent.length, all.laptops.length)
})

test('a wrong folder, key or address says what to do', () => {
  const words = ['home', '--folder', folder]
  assert.match(run(PROGRAM, words).stderr, /--key FILE is missing\n.*keygen --name home/)
  const keyed = [...words, '--key', join(folder, 'home.sec')]
  assert.is(run(PROGRAM, [...keyed, '--listen', 'localhost:1']).status, 64)
  assert.is(run(PROGRAM, ['home', '--folder', '/nowhere', '--fleet']).status, 64)
})

test.run()
