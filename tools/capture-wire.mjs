/**
 * Records what our rsync client and stock daemons say to each other, and stock clients and stock daemons:
 * `node tools/capture-wire.mjs`. A proxy between them writes down every piece, in order and with its
 * direction. The results are test/vectors/*.wire and test/vectors/sender/*.wire; test/vectors/README.md says
 * how to read them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { runCommand } from './command-line.mjs'
import { rsyncBinaries } from './sources/rsync-binaries.mjs'
import { load } from './tests/transpile.mjs'
import { projectFolder } from './workplace.mjs'

const BYTES_A_LINE = 48

/** A proxy to `port` of loopback that keeps each piece as `{ from: '>' | '<', bytes }`; `>` is the client. */
async function startRecorder(port) {
  const pieces = []
  const server = createServer((client) => {
    const daemon = connect(port, '127.0.0.1')
    // Another connection of the same session.
    if (pieces.length > 0) pieces.push({ from: '=', bytes: Buffer.alloc(0) })
    const pass = (from, source, target) => {
      source.on('data', (bytes) => {
        pieces.push({ from, bytes })
        target.write(bytes)
      })
      source.on('end', () => target.end())
      source.on('error', () => target.destroy())
    }
    pass('>', client, daemon)
    pass('<', daemon, client)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: server.address().port, pieces, close: () => server.close() }
}

/** Pieces as text, in lines of hexadecimal: neighbours in one direction are joined. */
function textOf(title, pieces) {
  const joined = []
  for (const { from, bytes } of pieces) {
    const last = joined.at(-1)
    if (last?.from === from) last.bytes = Buffer.concat([last.bytes, bytes])
    else joined.push({ from, bytes })
  }
  const lines = [`# ${title}`]
  for (const { from, bytes } of joined) {
    if (bytes.length === 0) lines.push(from)
    for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
      const sign = at === 0 ? from : ' '
      lines.push(`${sign} ${bytes.subarray(at, at + BYTES_A_LINE).toString('hex')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

const vectorsFolder = join(projectFolder, 'test/vectors')

function keep(folder, name, title, pieces) {
  writeFileSync(join(folder, `${name}.wire`), textOf(title, pieces))
  process.stdout.write(`${name}.wire\n`)
}

/** Our client, played by the tests. */
async function captureOurs({ stockRsyncs, startDaemon, scratch }) {
  const { SCENARIOS, makeTree, play } = await load('test/vectors/scenarios.ts')
  const { host } = await load('test/support/rsync-client.ts')
  const folder = scratch('module')
  makeTree(folder)
  for (const { version, program } of await stockRsyncs()) {
    const daemon = await startDaemon(program, [{ name: 'xo', path: folder }])
    for (const scenario of SCENARIOS) {
      const recorder = await startRecorder(daemon.port)
      await play(host, recorder.port, scenario)
      recorder.close()
      const title = `${scenario.name}, against the daemon of rsync ${version}`
      keep(vectorsFolder, `rsync-${version}-${scenario.name}`, title, recorder.pieces)
    }
    await daemon.stop()
  }
}

/** Stock clients of the daemon of their own release. */
async function captureStock({ stockRsyncs, startDaemon, scratch }) {
  const { SENDER_SCENARIOS, makeModule, playStock } = await load('test/vectors/sender-scenarios.ts')
  const folder = scratch('module')
  const to = join(vectorsFolder, 'sender')
  mkdirSync(to, { recursive: true })
  makeModule(folder)
  for (const { version, program } of await stockRsyncs()) {
    const daemon = await startDaemon(program, [{ name: 'xo', path: folder }])
    for (const scenario of SENDER_SCENARIOS) {
      const recorder = await startRecorder(daemon.port)
      await playStock(program, recorder.port, scenario)
      recorder.close()
      const title = `${scenario.name}, rsync ${version} on both sides`
      keep(to, `rsync-${version}-${scenario.name}`, title, recorder.pieces)
    }
    await daemon.stop()
  }
}

async function capture() {
  await rsyncBinaries()
  const support = {
    ...(await load('test/support/stock-rsync.ts')),
    ...(await load('test/support/rsync-daemon.ts')),
    ...(await load('test/support/scratch.ts')),
  }
  await captureOurs(support)
  await captureStock(support)
}

const USAGE = {
  call: 'node tools/capture-wire.mjs',
  about: 'Records sessions with stock rsyncs into test/vectors.',
  needs: ['build'],
}

await runCommand(import.meta.url, USAGE, capture)
