// deadline: 30 minutes
/**
 * The engine-neutral unit tests in the emulator's engine (QuickJS 2025-09-13, wasm). It differs from
 * the host's (2025-04-26) in what it adds to the language, which src/ may not use, and in that its
 * own memory limit counts nothing (runtime/emulator/memory-limit.ts). No test needs an exception.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Engine } from '../../runtime/emulator/engine.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { MEMORY_MB } from './program.ts'
import { reportOf } from './report.ts'
import { bundleTests, neutralTests } from './suites.ts'

const DEADLINE_MS = 15 * 60 * 1000
const MEMORY_BYTES = MEMORY_MB * 1024 * 1024
const folder = scratch('engines')
const bundle = join(folder, 'tests.js')
await bundleTests(neutralTests(), bundle)

const host = nodeHost()
let output = ''
let complaints = ''
const write: typeof host.files.write = (fd, buffer, offset, length) => {
  if (fd !== 1) host.files.write(fd, buffer, offset, length)
  else output += Buffer.from(buffer.subarray(offset, offset + length)).toString()
}
const engine = await Engine.start({
  name: bundle,
  text: readFileSync(bundle, 'utf8'),
  host: {
    ...host,
    files: { ...host.files, write },
    processes: { ...host.processes, argv: ['tests', folder] },
  },
  memoryBytes: MEMORY_BYTES,
  complain(text) {
    complaints += text
  },
})
const status = await deadline(engine.run(), DEADLINE_MS)
const test = reportOf(
  'unit tests on the wasm engine',
  output,
  complaints || (status ? `status ${status}` : ''),
)
test.run()
