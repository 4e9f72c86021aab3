/**
 * The process outside (native/processes/outside.c) as somebody meets it who has taken over the one inside:
 * what it is asked for that it must not do, and what the programs that it starts could be talked into.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { makeClientKey, startSshServer } from '../support/ssh-server.ts'
import { skip, suite } from '../support/suite.ts'
import { until } from '../support/until.ts'
import { startOn } from './scripts.ts'

/** Where the inner process asks: the first descriptor that is a socket, and its own. */
const FIND = `
const requests = files.readDirectory(files.openRoot('/proc/self/fd'), '.').map(Number)
  .filter((fd) => fd > 2)
  .find((fd) => files.readLink(files.openRoot('/proc/self/fd'), String(fd)).startsWith('socket:'))
`
const [START, SIGNAL] = [0, 1]
const LARGEST = 2 ** 31 - 1

for (const host of [HOST, 'build/x86_64-asan/host']) {
  const test = suite(`outside, on ${host}`)

  test('attack: requests that are none are refused', async () => {
    const { ended, said } = startOn(
      host,
      `apart([shell('true')])
      ${FIND}
      const words = '/bin/sh\\0-c\\0true\\0A=b\\0'
      const counts = [[3, 1], [4, 0], [0, 1], [-1, 1], [3, -1], [257, 1], [3, 257], [${LARGEST}, 1],
        [${-LARGEST - 1}, ${-LARGEST - 1}], [3, ${LARGEST}], [5, 1], [2, 1], [1, 3]]
      const requests_ = [
        [[], ''], [[0], ''], [[0, 0, 0, 0, 0, 0], ''], [[3, 0, 0, 3, 1, 0, 0], words],
        [[-1, 0, 0, 3, 1, 0, 0], words], [[${LARGEST}, 0, 0, 3, 1, 0, 0], words],
        [[0, 0, 0, 3, 1, 0, 0], words.slice(0, -1)], [[0, 0, 0, 3, 1, 0, 0], 'x'.repeat(16000)],
        [[0, 0, 0, 3, 1, 0, 0], 'x'.repeat(17000)], [[0, 0, 0, 3, 1, 1, 1], words],
        ...counts.map((pair) => [[${START}, 0, 0, ...pair, 0, 0], words]),
      ].filter(([numbers, text]) => numbers.length + text.length > 0)
      say(requests_.map(([numbers, text]) => (ask(requests, numbers, text), answer(requests))))
      say(await processes.start({ ...shell('true'), pipe: false }).ended)
      processes.exit(3)`,
    )
    assert.equal(await ended, { status: 3, signal: null })
    const [codes, status] = said() as [number[], number]
    const [EPERM, EINVAL] = [1, 22]
    assert.ok(codes.length > 20)
    for (const code of codes) assert.ok([EPERM, EINVAL].includes(code), codes.join())
    assert.is(status, 0)
  })

  test('attack: a signal to anybody but a program that it started reaches nobody', async () => {
    const { child, ended, said } = startOn(
      host,
      `apart([])
      ${FIND}
      say('ready')
      const next = system.nextSignal()
      const buffer = new Uint8Array(4096)
      const count = files.read(files.openFile('/proc/self/status'), buffer, 0, buffer.length)
      const status = String.fromCharCode(...buffer.subarray(0, count))
      const outer = Number(/^PPid:\\t(\\d+)$/m.exec(status)[1])
      for (const pid of [outer, 1, 0, -1, ${LARGEST}, ${-LARGEST - 1}]) {
        ask(requests, [${SIGNAL}, pid, 9, 0, 0, 0, 0])
        answer(requests)
      }
      say('asked')
      await next
      processes.exit(3)`,
    )
    await until(() => said().includes('asked'))
    child.kill('SIGHUP')
    assert.equal(await ended, { status: 3, signal: null })
  })

  test('attack: who floods it and hears no answer holds up neither it nor its end', async () => {
    const { ended } = startOn(
      host,
      `apart([])
      ${FIND}
      for (let i = 0; i < 20000; i++) ask(requests, [${SIGNAL}, 1, 0, 0, 0, 0, 0])
      processes.exit(3)`,
    )
    assert.equal(await ended, { status: 3, signal: null })
  })

  test('a program that only reads changes no file, wherever that is, and can gain nothing', async () => {
    if (process.getuid?.() !== 0) skip('only root has something to give up')
    const place = scratch('reader')
    writeFileSync(join(place, 'kept'), 'kept\n')
    symlinkSync(join(place, 'kept'), join(place, 'link'))
    const script =
      `cat kept; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; echo b >>link; chmod 777 kept; ` +
      `rm kept; true >made; true </dev/null >/dev/null && echo "$A"; exit 7`
    const { ended, said } = startOn(
      host,
      `const program = shell(${JSON.stringify(`cd ${place}; exec 2>/dev/null; ${script}`)})
      apart([{ ...program, reads: '${place}' }, { command: ['/no/such'], environment, reads: '/' }])
      const { stream, ended } = processes.start({ ...program, pipe: true })
      let text = ''
      for (;;) {
        const buffer = new Uint8Array(1000)
        const count = await sockets.read(stream, buffer, 0, 1000, 60000)
        if (count === 0) break
        text += String.fromCharCode(...buffer.subarray(0, count))
      }
      say([text, await ended, codeOf(() => processes.start({ command: ['/no/such'], environment, pipe: true }))])
      processes.exit(0)`,
    )
    assert.equal(await ended, { status: 0, signal: null })
    const DAC_OVERRIDE = '0000000000000002'
    const text = `kept\nCapEff:\t${DAC_OVERRIDE}\nNoNewPrivs:\t1\nb\n`
    assert.equal(said(), [[text, 7, 'ENOENT']])
    assert.is(readFileSync(join(place, 'kept'), 'utf8'), 'kept\n')
    assert.not.ok(existsSync(join(place, 'made')))
  })

  test.run()
}

const test = suite('programs that are started outside')

/** The known_hosts of its HOME, which is in the store, leads elsewhere, and `y` comes on its stdin. */
async function afterDbclient(reads: boolean): Promise<string> {
  const folder = scratch('home')
  const elsewhere = join(scratch('elsewhere'), 'authorized_keys')
  writeFileSync(elsewhere, 'mine\n')
  mkdirSync(join(folder, '.ssh'))
  symlinkSync(elsewhere, join(folder, '.ssh/known_hosts'))
  const server = await startSshServer('dropbear', folder)
  const key = makeClientKey()
  const words = ['-T', '-q', '-i', key.dropbear, '-p', `${server.port}`, '-l', 'root']
  const command = ['dbclient', ...words, '127.0.0.1', 'true']
  const program = {
    ...{ command, environment: ['PATH=/usr/bin:/bin', `HOME=${folder}`, 'DROPBEAR_PASSWORD='] },
    ...(reads ? { reads: folder } : {}),
  }
  const { ended } = startOn(
    HOST,
    `const program = ${JSON.stringify(program)}
    apart([program])
    const words = files.openAppend(files.openRoot('${folder}'), 'words', 0o600)
    const { stream, ended } = processes.start({ ...program, pipe: true, stderr: words })
    const yes = Uint8Array.from('y\\n', (one) => one.charCodeAt(0))
    await sockets.write(stream, yes, 0, yes.length, 60000)
    await ended
    processes.exit(0)`,
  )
  assert.equal(await ended, { status: 0, signal: null })
  await server.stop()
  return readFileSync(elsewhere, 'utf8')
}

test('attack: dbclient, vouched for a key on its stdin, adds it to no file that a link in the store leads to', async () => {
  if (process.getuid?.() !== 0) skip('only root has something to give up')
  assert.match(
    await afterDbclient(false),
    /^mine\n127\.0\.0\.1 ssh-ed25519 /,
    'it does so by itself',
  )
  assert.is(await afterDbclient(true), 'mine\n')
})

test.run()
