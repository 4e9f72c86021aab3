/** A test that this machine can't prove, a suite of such, and one that passes. */
import { skip, suite } from '../../support/suite.ts'

const moon = suite('on the moon')
moon.before(() => skip('there is no moon here'))
moon('jumps high', () => {})
moon('casts a shadow', () => {})
moon.run()

const earth = suite('on earth')
earth('walks', () => {})
earth('swims', () => skip('there is no sea here'))
earth.run()
