// deadline: 0.05 minutes
/** A test in a loop, which hears nothing of being told to end. */
import { test } from '../../support/suite.ts'

test('turns and turns', () => {
  for (;;) {}
})
test.run()
