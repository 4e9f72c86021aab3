/**
 * A laptop that has a version, as a process of its own for a network namespace: a stock rsync daemon over a
 * module, and answers to neighbours, polite ones or those of somebody who never keeps quiet. It tells what it
 * did as lines of JSON. `node laptop.js '{"module":…}'`
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { NEIGHBOUR_WORDS_SIZE_MAX } from '../../src/limits.ts'
import { NeighbourAnswers } from '../../src/peers/answer.ts'
import { answerIn, decodeNeighbourQuestion, encodeNeighbourAnswer } from '../../src/peers/words.ts'
import { Ear } from '../../src/push/ear.ts'
import { everybody, sendOnce } from '../../src/push/send.ts'
import { PUSH_PORT } from '../../src/push/upgrade-now.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import type { LaptopWords, Told } from './laptops.ts'

const PORT = 8873
const RSYNC_PORT = 8874
/** Between two pieces of a line that drips (milliseconds). */
const PIECE_MS = 250

const { module, manners, cutAfter, bytesPerSecond } = JSON.parse(
  process.argv[2] ?? '{}',
) as LaptopWords
const told: Told = { answered: 0, keptQuiet: 0, sent: 0, connections: 0 }
const tell = () => process.stdout.write(`${JSON.stringify(told)}\n`)
const host = nodeHost()

const configuration = join(scratch('neighbour'), 'rsyncd.conf')
const lines = ['use chroot = no', 'uid = 0', 'gid = 0', 'reverse lookup = no']
writeFileSync(configuration, [...lines, '[xo]', `path = ${module}`, ''].join('\n'))
const words = ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${RSYNC_PORT}`]
const daemon = spawn('rsync', [...words, `--config=${configuration}`], { stdio: 'ignore' })
process.on('exit', () => daemon.kill('SIGKILL'))
process.on('SIGTERM', () => process.exit(0))

/** In small pieces where it drips; nothing any more after the cut. */
async function pass(from: Socket, to: Socket): Promise<void> {
  for await (const chunk of from) {
    const step = bytesPerSecond ? Math.ceil((bytesPerSecond * PIECE_MS) / 1000) : chunk.length
    for (let at = 0; at < chunk.length; at += step) {
      if (bytesPerSecond) await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
      const piece = chunk.subarray(at, at + step)
      told.sent += piece.length
      if (cutAfter !== undefined && told.sent > cutAfter) return
      to.write(piece)
    }
  }
}

const server = createServer((client) => {
  told.connections++
  tell()
  const upstream = connect(RSYNC_PORT, '127.0.0.1')
  const end = () => {
    client.destroy()
    upstream.destroy()
    tell()
  }
  client.on('error', end).on('close', end).pipe(upstream)
  upstream.on('error', end)
  pass(upstream, client).then(end, end)
})

function answerPolitely(): void {
  const offer = { hardware: 'any', deployment: 'any', versions: [42], packs: [], port: PORT }
  const offered = () => ({ ...offer, places: 3, freePlaces: 3 })
  const answers = new NeighbourAnswers(host, { port: PUSH_PORT, offered }, (error) => {
    throw error
  })
  setInterval(() => {
    const { answered, keptQuiet } = answers
    if (answered === told.answered && keptQuiet === told.keptQuiet) return
    Object.assign(told, { answered, keptQuiet })
    tell()
  }, 50)
}

/** At once, or as soon as another one has; whoever else answers. */
function answerAlways(): void {
  const asked = new Set<string>()
  const answer = (nonce: string) => {
    if (!asked.delete(nonce)) return
    const answer = { nonce, version: 42, packs: [], places: 3, port: PORT }
    const datagram = encodeNeighbourAnswer(answer, NEIGHBOUR_WORDS_SIZE_MAX) as Uint8Array
    for (const target of everybody(host, PUSH_PORT)) void sendOnce(host, target, datagram)
    told.answered++
    tell()
  }
  const seen = new Set<string>()
  const came = (datagram: Uint8Array) => {
    const other = answerIn(datagram)
    if (other) {
      answer(other.nonce)
      return
    }
    try {
      const { nonce } = decodeNeighbourQuestion(datagram)
      if (seen.has(nonce)) return
      seen.add(nonce)
      asked.add(nonce)
      if (manners === 'first') answer(nonce)
    } catch {
      // Pushes, and noise.
    }
  }
  const failed = (error: unknown) => {
    throw error
  }
  new Ear(host, { port: PUSH_PORT, sizeMax: NEIGHBOUR_WORDS_SIZE_MAX, came, failed })
}

server.listen(PORT, '::', () => {
  if (manners === 'polite') answerPolitely()
  else if (manners !== 'none') answerAlways()
  tell()
})
