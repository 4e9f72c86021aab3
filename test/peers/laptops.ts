/** What a test and the laptops that it starts (laptop.ts) say to each other. */

export interface LaptopWords {
  /** What its rsync daemon serves. */
  module: string
  /** `polite`: as the program answers. `first`: at once. `second`: as soon as another one has. `none`: never. */
  manners: 'polite' | 'first' | 'second' | 'none'
  /** Its lid is closed after so many bytes. */
  cutAfter?: number
  bytesPerSecond?: number
}

/** So far. */
export interface Told {
  answered: number
  keptQuiet: number
  /** Bytes, and connections that were made to it. */
  sent: number
  connections: number
}
