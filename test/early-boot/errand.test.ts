/**
 * What process 1 makes of the words of a process that it has sent on an errand, which somebody may have
 * taken over: nothing but lines on the screen, and never more than it can hold.
 */
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { sendOnErrand } from '../../src/boot/errand.ts'
import { ERRAND_LINE_MAX, type Errand } from '../../src/boot/errand-words.ts'
import { Console } from '../../src/boot/screen/console.ts'
import type { Host } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText } from '../../src/text.ts'
import { nodeHost } from '../support/host.ts'
import { suite } from '../support/suite.ts'

const test = suite('an errand')
const ERRAND: Errand = {
  ...{ task: 'recover', store: '/xo', places: ['file:///stick'] },
  ...{ asksNetwork: false, known: 'of before' },
}

interface Played {
  end: { done: boolean; known: string }
  said: string[]
  /** All that was written on the screen. */
  screen: string
  asked: Errand
  signals: number[]
  environment: string[]
}

/** An errand whose process says these pieces and ends with the status; null: only when it is killed. */
async function play(pieces: string[], status: number | null = 0): Promise<Played> {
  const node = nodeHost()
  const rest = [...pieces]
  const said: string[] = []
  const signals: number[] = []
  let [screen, asked, environment] = ['', '', [] as string[]]
  let kill = (_status: number) => {}
  const killed = new Promise<number>((done) => {
    kill = done
  })
  let now = 0
  const host: Host = {
    ...node,
    clock: {
      ...node.clock,
      monotonicMs: () => now,
      sleep: async (milliseconds) => {
        now += milliseconds
      },
    },
    files: {
      ...node.files,
      close() {},
      write(_fd, bytes) {
        screen += bytesOfArray(bytes)
      },
    },
    system: { ...node.system, openDevice: () => 9 },
    processes: {
      ...node.processes,
      variable: (name) => (name === 'XO_MEMORY_LIMIT_MB' ? '64' : undefined),
      start(options) {
        environment = options.environment
        return {
          pid: 7,
          stream: {},
          ended: status === null ? killed : Promise.resolve(status),
        }
      },
      signal(_process, signal) {
        signals.push(signal)
        kill(128 + signal)
      },
    },
    sockets: {
      ...node.sockets,
      close() {},
      shutdown() {},
      async write(_socket, bytes) {
        asked += bytesOfArray(bytes)
      },
      async read(_socket, buffer) {
        const next = rest.shift()
        if (next === 'silence') throw systemError('read', undefined, 'ETIMEDOUT')
        if (next === undefined) return 0
        buffer.set(arrayOfBytes(next.slice(0, buffer.length)))
        if (next.length > buffer.length) rest.unshift(next.slice(buffer.length))
        return Math.min(next.length, buffer.length)
      },
    },
  }
  const end = await sendOnErrand({ host, console: new Console(host) }, ERRAND, (text) => {
    said.push(text)
  })
  return { end, said, screen, asked: JSON.parse(asked), signals, environment }
}

test('its words are asked for, told and shown, wherever the pieces of a line end', async () => {
  const text = `say Stick: ${bytesOfText('gone – really')}\nnote one\nbegin fetch bytes 10\nat 4 etc/x\n`
  const { end, said, screen, asked, environment } = await play([...text, 'known abc\ndone\n'])
  assert.equal(asked, ERRAND)
  assert.equal(end, { done: true, known: 'abc' })
  assert.equal(said, ['Stick: gone – really'])
  assert.match(screen, /one\n/)
  assert.match(screen, /fetching/)
  assert.ok(environment.includes('XO_MEMORY_LIMIT_MB=64'))
})

test('done is done only where it is said, in a whole line, and the end is a good one', async () => {
  assert.is((await play([])).end.done, false)
  assert.is((await play(['done'])).end.done, false)
  assert.is((await play(['done and more\n', 'done \n', 'Done\n'])).end.done, false)
  const { end, said } = await play(['known abc\ndone\n'], 139)
  assert.equal(end, { done: false, known: '' })
  assert.match(said.join(), /ended by itself \(139\)/)
})

test('attack: lines that are none, numbers that are none, and noise are not heard', async () => {
  const noise = Array.from({ length: 3000 }, (_, index) => String.fromCharCode((index * 7) % 256))
  const { end, said, screen } = await play([
    'begin moon bytes 3\nbegin fetch miles 3\nbegin\nat\nat x\nat -1\nat 1e9\nat 9999999999999999 x\n',
    'traffic\ntraffic 1\ntraffic 1 x\ntoString x\n__proto__ x\nconstructor\n \n\n',
    'exit 0\nreboot now\nboot 42\n',
    noise.join(''),
  ])
  assert.equal([end.done, said, screen], [false, [], ''])
})

test('attack: no control character reaches the screen', async () => {
  const { said, screen } = await play([
    'note \x1b[2Ja\nnote \xff\xfeb\rc\n',
    'debug \x1b]0;x\x07\n',
  ])
  assert.equal(said, [])
  // The bar may be drawn with them; these words not.
  assert.not.match(screen.replaceAll('\r\x1b[K', ''), /[^\n -~]/)
})

test('attack: sentences without end', async () => {
  const one = `say ${'x'.repeat(5000)}\n`
  const { said } = await play(Array.from({ length: 1000 }, () => one))
  assert.is(said.length, 200)
  assert.ok(said.every((text) => text.length <= 1000))
})

test('attack: a line without end, and more to know than may be known', async () => {
  const { end, said, signals } = await play(
    ['known ', 'x'.repeat(2 * ERRAND_LINE_MAX), '\ndone\n'],
    0,
  )
  assert.equal(end, { done: false, known: '' })
  assert.match(said.join(), /does not answer \(a line without end\)/)
  assert.equal(signals, [9])
  const more = await play([`known ${'x'.repeat(ERRAND_LINE_MAX - 7)}\ndone\n`])
  assert.equal(more.end, { done: true, known: '' })
})

test('one that says nothing any more, or does not end, is ended', async () => {
  const silent = await play(['note one\n', 'silence'], null)
  assert.equal([silent.end.done, silent.signals], [false, [9]])
  const lingering = await play(['done\n'], null)
  assert.equal([lingering.end.done, lingering.signals], [false, [9]])
})

test.run()
