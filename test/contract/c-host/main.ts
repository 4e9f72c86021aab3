/**
 * The contract suites as a program of the C host: `host contract.js SCRATCH PEERS`, and of the wasm
 * engine. Bundled by bundle.ts.
 */
import * as checksums from 'native:checksums'
import * as clock from 'native:clock'
import * as delta from 'native:delta'
import * as files from 'native:files'
import * as processes from 'native:processes'
import * as random from 'native:random'
import * as signatures from 'native:signatures'
import * as sockets from 'native:sockets'
import * as system from 'native:system'
import * as trees from 'native:trees'
import type { Host } from '../../../src/host.ts'
import { arrayOfBytes, bytesOfText } from '../../../src/text.ts'
import { runSuites } from '../../support/suite.ts'
import { allContracts } from '../all.ts'

const STDOUT = 1

const host: Host = {
  files,
  trees,
  sockets,
  processes,
  checksums,
  delta,
  signatures,
  random,
  clock,
  system,
}
const [scratch = '', peers = ''] = processes.argv.slice(-2)
allContracts('this engine', host, scratch, JSON.parse(peers))
await runSuites({
  report(result) {
    const line = arrayOfBytes(bytesOfText(`${JSON.stringify(result)}\n`))
    files.write(STDOUT, line, 0, line.length)
  },
})
files.write(STDOUT, arrayOfBytes('{"end":true}\n'), 0, 13)
// What a test left waiting must not keep the engine.
processes.exit(0)
