// deadline: 30 minutes
/** The engine-neutral unit tests on the static host (QuickJS 2025-04-26). */
import { HOST } from '../support/program.ts'
import { reportOfProgram } from './program.ts'

const test = await reportOfProgram('the static host', [HOST], 15 * 60 * 1000)
test.run()
