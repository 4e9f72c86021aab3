/**
 * The contract suites as a program of the C host: `host contract.js SCRATCH PEERS`, and of the wasm
 * engine. Bundled by bundle.ts.
 */
import * as host from '../../../native/modules.ts'
import { arrayOfBytes, bytesOfText } from '../../../src/text.ts'
import { runSuites } from '../../support/suite.ts'
import { allContracts } from '../all.ts'

const STDOUT = 1

const { files, processes } = host
const [scratch = '', peers = ''] = processes.argv.slice(-2)
allContracts('this engine', host, scratch, JSON.parse(peers))
await runSuites({
  report(result) {
    const line = arrayOfBytes(bytesOfText(`${JSON.stringify(result)}\n`))
    files.write(STDOUT, line, 0, line.length)
  },
})
files.write(STDOUT, arrayOfBytes('{"end":true}\n'), 0, 13)
// What a test left waiting must not keep the engine alive.
processes.exit(0)
