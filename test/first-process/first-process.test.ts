/**
 * native:system as process 1, in a machine of namespaces. The last
 * thing that happens there is the change of the root, after which the new program says what it sees.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rollup } from 'rollup'
import * as assert from 'uvu/assert'
import { runMachine } from '../support/memory-machine.ts'
import { HOST } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { retell, suite } from '../support/suite.ts'

const DEADLINE_MS = 60_000
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const BUNDLE = join(scratch('first-process'), 'inside.js')

async function bundleSuite(): Promise<void> {
  const bundle = await rollup({
    input: here('inside.js'),
    external: /^native:/,
    plugins: [nodeResolve()],
  })
  await bundle.write({ file: BUNDLE, format: 'es' })
  await bundle.close()
}

await bundleSuite()
const program = HOST
const test = suite(`first process over ${program}`)
const run = existsSync(program)
  ? await runMachine({
      files: { host: program, 'inside.js': BUNDLE },
      command: ['/host', '/inside.js'],
      answers: { '{"keys":true}': 'm' },
      deadlineMs: DEADLINE_MS,
    })
  : { output: '', status: undefined }

const lines = run.output.split('\n').filter((line) => line.startsWith('{"name"'))
retell(
  test,
  lines.map((line) => JSON.parse(line)),
)
test('the program of the new root has its place, its words and its variables', () => {
  assert.match(run.output, /^new: bin keep proc which pid 1 word v$/m, run.output)
  assert.is(run.status, 9)
})
test('of the old root only what is mounted there is left', () => {
  assert.match(run.output, /^left: m and m\/d$/m, run.output)
})
test.run()
