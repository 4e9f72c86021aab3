/** Our rsync client with very many files, and with a very large one. Content goes to /dev/null. */
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Session } from '../../src/rsync/session.ts'
import type { FileOutcome, WantedFile } from '../../src/wanted-file.ts'
import { deadline } from '../support/deadline.ts'
import { host, optionsFor } from '../support/rsync-client.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { test } from '../support/suite.ts'

const folder = scratch('module')
const nowhere = openSync('/dev/null', 'w')
const hex = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')

const daemons: Daemon[] = []
test.after(async () => {
  for (const daemon of daemons) await daemon.stop()
})

/** Lists, fetches and ends; returns what became of each name, and the most that waited at once. */
async function fetchTo(
  port: number,
  names: string[],
  basis?: (name: string) => { fd: number; size: number },
) {
  const results = new Map<string, FileOutcome>()
  const selection = { kind: 'files-from', under: '', names } as const
  const session = await Session.open(host, optionsFor(port, selection, { compression: 'zstd' }))
  let asked = 0
  let most = 0
  function* wanted(): Generator<WantedFile> {
    for (const name of names) {
      const { size = 0 } = session.find(name) ?? {}
      const open = basis?.(name)
      most = Math.max(most, ++asked - results.size)
      yield {
        name,
        sizeMax: size,
        basis: open,
        target: () => nowhere,
        done(result) {
          results.set(name, result)
          if (open) closeSync(open.fd)
        },
      }
    }
  }
  await session.fetch(wanted())
  await session.finish()
  return { results, most, traffic: session.traffic }
}

test('five thousand small files, new and with bases', async () => {
  mkdirSync(join(folder, 'many'))
  const contents = new Map<string, string>()
  for (let i = 0; i < 5000; i++) {
    contents.set(`many/${i}`, `file ${i} ${'x'.repeat(i % 900)}`)
  }
  for (const [name, content] of contents) writeFileSync(join(folder, name), content)
  const names = [...contents.keys()]
  const basis = (name: string) => {
    const fd = openSync(join(folder, name), 'r')
    return { fd, size: contents.get(name)?.length ?? 0 }
  }
  const rsyncs = await stockRsyncs()
  for (const { program } of rsyncs) {
    const daemon = await startDaemon(program, [{ name: 'xo', path: folder }])
    daemons.push(daemon)
    // Bases take the longest, so only the newest release is tried.
    const isNewest = program === rsyncs.at(-1)?.program
    for (const known of isNewest ? [undefined, basis] : [undefined]) {
      const { results, most, traffic } = await deadline(fetchTo(daemon.port, names, known), 60_000)
      for (const [name, content] of contents) {
        assert.equal(results.get(name), { size: content.length, digest: hex(content) })
      }
      assert.ok(most <= (known ? 251 : 1001), `${most} requests at once`)
      assert.is(known ? traffic.literal : traffic.matched, 0)
    }
  }
})

test('one file of 200 MB, new and against an older one', async () => {
  const piece = Buffer.alloc(1_000_000)
  for (let i = 0; i < piece.length; i += 4) piece.writeUInt32LE((i * 2_654_435_761) >>> 0, i)
  const [large, older] = ['large', 'older'].map((name) => join(folder, name)) as [string, string]
  const digest = createHash('sha256')
  for (const [path, word] of [
    [large, 'new'],
    [older, 'old'],
  ] as const) {
    const fd = openSync(path, 'w')
    for (let i = 0; i < 200; i++) {
      piece.write(`${i % 10 === 0 ? word : 'all'} ${i}`, 0)
      writeSync(fd, piece)
      if (path === large) digest.update(piece)
    }
    closeSync(fd)
  }
  const expected = digest.digest('hex')
  const { program } = (await stockRsyncs())[0] ?? { program: 'rsync' }
  const daemon = await startDaemon(program, [{ name: 'xo', path: folder }])
  daemons.push(daemon)
  const size = 200_000_000
  const whole = await deadline(fetchTo(daemon.port, ['large']), 120_000)
  assert.equal(whole.results.get('large'), { size, digest: expected })
  const delta = await deadline(
    fetchTo(daemon.port, ['large'], () => ({ fd: openSync(older, 'r'), size })),
    120_000,
  )
  assert.equal(delta.results.get('large'), { size, digest: expected })
  assert.ok(delta.traffic.matched > 198_000_000, `${delta.traffic.matched} bytes matched`)
})

test.run()
