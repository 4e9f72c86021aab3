/** The suite of native:pack-coder as a program of a publisher's host: `host-publisher pack-coder.js SCRATCH`. */
import * as host from '../../../native/modules.ts'
import { arrayOfBytes, bytesOfText } from '../../../src/text.ts'
import { runSuites } from '../../support/suite.ts'
import { packCoderContract } from './pack-coder.ts'

const STDOUT = 1

const { files, processes } = host
packCoderContract('packs are made', host, processes.argv.at(-1) ?? '')
await runSuites({
  report(result) {
    const line = arrayOfBytes(bytesOfText(`${JSON.stringify(result)}\n`))
    files.write(STDOUT, line, 0, line.length)
  },
})
files.write(STDOUT, arrayOfBytes('{"end":true}\n'), 0, 13)
processes.exit(0)
