/** The two clocks, and waiting. */
declare module 'native:clock' {
  /** Milliseconds, with fractions, of a clock that never goes back. */
  export function monotonicMs(): number
  /** The wall clock, in seconds since 1970, with fractions. */
  export function wallSeconds(): number
  export function sleep(milliseconds: number): Promise<void>
}
