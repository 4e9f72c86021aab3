/** What comes before and after each test, and what comes after all, fails. */
import { suite } from '../../support/suite.ts'

const early = suite('early')
early.before.each(() => {
  throw new Error('no plates')
})
early('eats', () => {})
early.run()

const late = suite('late')
late.after.each(() => {
  throw new Error('no water')
})
late('eats', () => {})
late.run()

const last = suite('last')
last('eats', () => {})
last.after(() => {
  throw new Error('no door')
})
last.run()
