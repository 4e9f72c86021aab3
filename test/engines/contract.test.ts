// deadline: 30 minutes
/**
 * The contract suites over the bridge into the wasm QuickJS (runtime/emulator/bridge.ts, guest.ts): what
 * reaches the bundle there is what the contracts promise.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Engine } from '../../runtime/emulator/engine.ts'
import { bundleContracts } from '../contract/bundle.ts'
import { startPeers } from '../contract/peers.ts'
import { deadline } from '../support/deadline.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { reportOf } from './report.ts'

const DEADLINE_MS = 5 * 60 * 1000
/** Some suites hold megabytes at once, as the emulated laptop never does. */
const MEMORY_BYTES = 256 * 1024 * 1024

const bundle = join(scratch('contracts'), 'contract.js')
await bundleContracts(bundle)
const peers = await startPeers()
const host = nodeHost()
let output = ''
let complaints = ''
const write: typeof host.files.write = (fd, buffer, offset, length) => {
  if (fd !== 1) host.files.write(fd, buffer, offset, length)
  else output += Buffer.from(buffer.subarray(offset, offset + length)).toString()
}
const argv = ['contract', scratch('bridge'), JSON.stringify(peers.ports)]
const engine = await Engine.start({
  name: bundle,
  text: readFileSync(bundle, 'utf8'),
  host: {
    ...host,
    files: { ...host.files, write },
    processes: { ...host.processes, argv },
  },
  memoryBytes: MEMORY_BYTES,
  complain(text) {
    complaints += text
  },
})
let ending = ''
try {
  const status = await deadline(engine.run(), DEADLINE_MS)
  ending = complaints || (status ? `status ${status}` : '')
} catch (error) {
  ending = (error as Error).message
}
await peers.stop()
const test = reportOf('contracts over the wasm bridge', output, ending)
test.run()
