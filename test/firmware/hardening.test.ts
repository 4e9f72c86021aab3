/** What the ELF files that ship have against whoever finds a fault in them. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { PROGRAM } from '../support/program.ts'
import { skip, test } from '../support/suite.ts'

const file = (path: string) => new URL(`../../../../${path}`, import.meta.url)
const { targets } = await import(file('firmware/targets/targets.mjs').href)

function read(program: string, ...words: string[]): string {
  if (!existsSync(program)) skip(`${program} is not built: npm run build`)
  const { stdout, error } = spawnSync('readelf', ['-W', ...words, program], { encoding: 'utf8' })
  if (error) skip(`no readelf here: ${error.message} (npm run setup)`)
  return stdout
}

/** Type and flags of every segment. */
function segmentsOf(program: string): { type: string; flags: string }[] {
  const row = /^ {2}([A-Z_]+) +(?:0x[0-9a-f]+ +){5}([R ][W ][E ]) /gm
  return [...read(program, '-l').matchAll(row)].map(([, type = '', flags = '']) => ({
    type,
    flags,
  }))
}

for (const name of ['x86_64', 'i586', 'armv7']) {
  const program = `build/${name}/xo-upgrade`
  const words: string[] = [...targets[name].flags, ...targets[name].linkFlags]

  test(`${name}: no page can be written and run, and addresses are settled before anything runs`, () => {
    const segments = segmentsOf(program)
    assert.ok(segments.filter(({ type }) => type === 'LOAD').length >= 3, 'segments are read')
    assert.equal(
      segments.filter(({ flags }) => flags.includes('W') && flags.includes('E')),
      [],
    )
    assert.is(segments.find(({ type }) => type === 'GNU_STACK')?.flags.trim(), 'RW')
    assert.ok(
      segments.some(({ type }) => type === 'GNU_RELRO'),
      'read-only after relocation',
    )
    const dynamic = read(program, '-d')
    assert.not.match(dynamic, /TEXTREL/)
    if (words.includes('-static-pie')) assert.match(dynamic, /\bNOW\b/)
  })

  test(`${name}: it can stand at any address, and needs nobody to start it`, () => {
    const type = /Type: +(\w+)/.exec(read(program, '-h'))?.[1]
    assert.is(type, words.includes('-static-pie') ? 'DYN' : 'EXEC')
    assert.not(segmentsOf(program).some(({ type }) => type === 'INTERP'))
  })

  test(`${name}: stacks have canaries, deep frames are touched page by page, variables begin as zero`, () => {
    const wanted = [
      '-fstack-protector-strong',
      '-fstack-clash-protection',
      '-ftrivial-auto-var-init=zero',
    ]
    assert.equal(
      wanted.filter((word) => !words.includes(word)),
      [],
    )
    // The program is stripped; the host is the same code with its names.
    assert.match(read(`build/${name}/host`, '-s'), /__stack_chk_fail/)
  })
}

test('x86_64: all of it is made for indirect branches and returns that the processor checks', () => {
  assert.match(read(PROGRAM, '-n'), /x86 feature: IBT, SHSTK/)
})

test.run()
