// deadline: 30 minutes
/**
 * The engine-neutral unit tests on the program for the XO-1.75 and XO-4, in qemu-user, which takes
 * some fifteen times as long: `npm run test:armv7`, and not a part of `npm test`.
 */
import { reportOfProgram } from './program.ts'

const test = await reportOfProgram(
  'the armv7 host',
  ['qemu-arm', 'build/armv7/host'],
  30 * 60 * 1000,
)
test.run()
