// deadline: 20 minutes
/** Our own daemon against every stock client of the field: whole trees, deltas, compressions, lists. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { scratch } from '../support/scratch.ts'
import { moduleOf, startServing } from '../support/serving.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { test } from '../support/suite.ts'

const run = promisify(execFile)

const folder = scratch('served')
mkdirSync(join(folder, '42/root/etc'), { recursive: true })
mkdirSync(join(folder, '42/root/usr/lib'), { recursive: true })
writeFileSync(join(folder, 'latest'), 'kind=release\n')
writeFileSync(join(folder, '42/root/etc/empty'), '')
writeFileSync(join(folder, '42/root/usr/lib/text'), 'a line of text\n'.repeat(20_000))

const rsyncs = await stockRsyncs()

for (const { version, program } of rsyncs) {
  test(`${version}: a whole tree`, async () => {
    const serving = startServing([moduleOf(folder)])
    const target = scratch('target')
    await deadline(run(program, ['-a', `rsync://127.0.0.1:${serving.port}/xo/`, `${target}/`]))
    await serving.stop()
    assert.equal(
      readFileSync(join(target, '42/root/usr/lib/text')),
      readFileSync(join(folder, '42/root/usr/lib/text')),
    )
  })
}
test.run()
