/**
 * What the documents show and no test runs, each with the reason. A block that is not here and has no `<!--
 * tested: FILE -->` fails `documents.test.ts`, and so does a line here without its block.
 */

interface NotRun {
  page: string
  /** How the block begins. */
  begins: string
  reason: string
}

export const NOT_RUN: NotRun[] = [
  {
    page: 'README.md',
    begins: 'npm start ',
    reason: 'they are what runs this test: set-up, builds and all tests',
  },
  {
    page: 'CONTRIBUTING.md',
    begins: 'git clone URL',
    reason: 'this checkout was made by it, and this program built',
  },
  {
    page: 'docs/BENCHMARK.md',
    begins: 'npm run bench ',
    reason: 'upgrades gigabytes for minutes; test/bench runs it on two small trees',
  },
  {
    page: 'docs/MESH.md',
    begins: 'npm run school ',
    reason: 'simulates a school for minutes; test/school does it with eight laptops',
  },
  {
    page: 'docs/FUZZING.md',
    begins: 'npm run fuzz ',
    reason: 'takes minutes for each target; test/fuzz gives each a few seconds',
  },
  {
    page: 'docs/PROOF.md',
    begins: 'npm run power-cut ',
    reason: 'takes 11 minutes and more; test/power-cut runs a sample of each',
  },
  {
    page: 'firmware/README.md',
    begins: 'npm run firmware -- --keys',
    reason: "needs a kernel's modules; test/firmware makes the initramfs with small ones",
  },
  {
    page: 'firmware/README.md',
    begins: 'npm run firmware -- --target i586',
    reason: 'compiles for a quarter of an hour; npm test builds and checks the i586 program',
  },
]
