/** Forgets to hand over its tests. */
import { test } from '../../support/suite.ts'

test('is never run', () => {})
