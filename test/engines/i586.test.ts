// deadline: 30 minutes
/**
 * The engine-neutral unit tests on the XO-1's program, 32-bit and with an x87 for its numbers, which
 * the kernel of an x86_64 machine runs as it is.
 */
import { reportOfProgram } from './program.ts'

const test = await reportOfProgram('the i586 host', ['build/i586/host'], 15 * 60 * 1000)
test.run()
