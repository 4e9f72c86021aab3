/**
 * What the runner prints about test files, and the sums in its last line: `N passed, N failed, N skipped`.
 */

/** How many of the slowest files are named at the end of a long run. */
const SLOWEST = 10
const LONG_RUN_FILES = 20

const indented = (text) => text.trimEnd().replace(/^/gm, '     ')
/** Lines of a stack that lead from the runner to the test, which nobody wants to see. */
const OWN_LINE = /^ +at .*(test\/support\/(suite|main)\.ts|node:internal|uvu\/assert)/
const shortened = (error) =>
  error
    .split('\n')
    .filter((line) => !OWN_LINE.test(line))
    .join('\n')

export class Report {
  failed = 0
  passed = 0
  #skips = []
  #times = []

  /** One test, as it ends. */
  result({ name, error, skipped }) {
    if (error !== undefined) console.log(`FAIL ${name}\n${indented(shortened(error))}`)
    else if (skipped !== undefined) console.log(`skip ${name}: ${skipped}`)
    else console.log(`ok   ${name}`)
  }

  /**
   * One file, whose results were not shown before, unless `shown`. Returns whether all is well with it.
   */
  file({ path, results, complaints, left, output, seconds }, { shown = false } = {}) {
    if (results.length + complaints.length === 0) return false
    const broken = results.filter(({ error }) => error !== undefined)
    const skips = results.filter(({ skipped }) => skipped !== undefined)
    const passed = results.length - broken.length - skips.length
    const failed = broken.length + complaints.length
    this.passed += passed
    this.failed += failed
    this.#skips.push(...skips.map(({ name, skipped }) => ({ path, name, skipped })))
    this.#times.push({ path, seconds })
    const left_ = skips.length > 0 ? `, ${skips.length} skipped` : ''
    const count = `${passed} of ${results.length}${left_}, ${seconds.toFixed(1)} s`
    console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${path} (${count})`)
    for (const complaint of complaints) console.log(`     ${path} ${complaint}`)
    for (const command of left) console.log(`     this was left running, and was ended: ${command}`)
    if (!shown)
      for (const result of broken)
        console.log(indented(`"${result.name}": ${shortened(result.error)}`))
    if (failed > 0 && output && !shown) console.log(`     what it printed:\n${indented(output)}`)
    return failed === 0
  }

  /** What counts as one failure, and is not a test. */
  failure(text) {
    this.failed++
    console.log(text)
  }

  get isEmpty() {
    return this.passed + this.failed + this.#skips.length === 0
  }

  /** The last lines. */
  close() {
    if (this.#times.length >= LONG_RUN_FILES) this.#printSlowest()
    if (this.#skips.length > 0) console.log('\nnot proved here:')
    for (const { path, name, skipped } of this.#skips) console.log(`  ${path}: ${name}: ${skipped}`)
    console.log(`${this.passed} passed, ${this.failed} failed, ${this.#skips.length} skipped`)
    return this.failed === 0
  }

  #printSlowest() {
    const slowest = this.#times.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
    console.log('\nwhat took longest:')
    for (const { path, seconds } of slowest)
      console.log(`${seconds.toFixed(1).padStart(8)} s  ${path}`)
  }
}
