/**
 * Asserts that a promise is rejected, which uvu's `throws` can't see. Host-neutral: the contract suites
 * also use it in QuickJS.
 */

/** Returns what the promise was rejected with, for further assertions. */
export async function rejects(promise: Promise<unknown>, expected?: RegExp): Promise<Error> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`rejected with no Error: ${String(error)}`)
    if (expected && !expected.test(error.message)) {
      throw new Error(`rejected with "${error.message}", not with ${expected}`)
    }
    return error
  }
  throw new Error(`resolved with ${JSON.stringify(value)}, where a rejection was expected`)
}
