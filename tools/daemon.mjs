/**
 * The stock `rsync --daemon` on a free port of 127.0.0.1, one process per connection, as inetd starts it,
 * so that the cost of every connection is known exactly: the kernel's count of its bytes, and the processor
 * time of the process that served it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readRecords, startMeasure } from './measure.mjs'
import { SetupError } from './workplace.mjs'

const START_TIMEOUT_MS = 10_000
/**
 * A server's side is over once its process has been reaped, milliseconds after the client's end.
 */
const SERVER_END_TIMEOUT_MS = 10_000
const POLL_MS = 2

const pause = (timeMs) => new Promise((resolve) => setTimeout(resolve, timeMs))

/** The text of rsyncd.conf(5): stock settings, except that root's files may be read. */
function configuration(modules) {
  const lines = ['uid = root', 'gid = root', 'read only = yes', 'use chroot = yes', 'timeout = 300']
  for (const [name, path] of Object.entries(modules)) lines.push(`[${name}]`, `  path = ${path}`)
  return `${lines.join('\n')}\n`
}

/** The sum of connections, as the client saw it: bytes received and sent; seconds and KiB of the server. */
function sumOf(connections) {
  const sum = { connections: connections.length, received: 0, sent: 0, user: 0, system: 0 }
  for (const connection of connections) {
    sum.received += connection.sent
    sum.sent += connection.received
    sum.user += connection.user
    sum.system += connection.system
  }
  return sum
}

/**
 * Serves folders as modules.
 * @param {{ rsync: { command: string[] }, modules: Record<string, string>, folder: string }} options
 */
export async function startDaemon({ rsync, modules, folder }) {
  const configurationFile = join(folder, 'rsyncd.conf')
  const log = join(folder, 'connections')
  writeFileSync(configurationFile, configuration(modules))
  rmSync(log, { force: true })
  const command = [...rsync.command, '--daemon', `--config=${configurationFile}`]
  const words = ['serve', '0', log, ...command]
  const { child, ended } = await startMeasure(words, ['ignore', 'pipe', 'inherit'])
  const port = await portOf(child, ended, command.join(' '))
  let counted = 0

  return {
    port,
    command,
    url: (module) => `rsync://127.0.0.1:${port}/${module}`,
    /** Waits until no connection is open, and returns the sum of all since the last call. */
    async takeCounts() {
      const deadline = Date.now() + SERVER_END_TIMEOUT_MS
      for (;;) {
        const records = readRecords(log)
        const closed = records.filter((record) => record.closed !== undefined)
        if (closed.length * 2 === records.length) {
          const fresh = closed.slice(counted)
          counted = closed.length
          return sumOf(fresh)
        }
        if (Date.now() > deadline) throw new Error('a connection of the rsync daemon does not end')
        await pause(POLL_MS)
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The first line that the server writes is its port. */
function portOf(child, ended, command) {
  return new Promise((resolve, reject) => {
    const fail = (why) =>
      reject(new SetupError(`the rsync daemon did not start (${command}): ${why}`))
    const timer = setTimeout(() => fail('nothing heard of it'), START_TIMEOUT_MS)
    ended.then(
      (status) => fail(`status ${status}`),
      (error) => fail(error.message),
    )
    ended.finally(() => clearTimeout(timer)).catch(() => {})
    child.stdout.once('data', (text) => {
      clearTimeout(timer)
      resolve(Number(String(text)))
    })
  })
}
