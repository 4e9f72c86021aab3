/**
 * What our server still does otherwise than a stock daemon, by the title of the case, and how that shows. One
 * that begins to work fails the test, so that it leaves this list.
 */
export const MUST_FAIL: Record<string, RegExp> = {
  // The names come outside of frames there, between two framed parts.
  'from a list, by protocol 30': /files-from needs protocol 31/,
}
