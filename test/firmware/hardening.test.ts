// deadline: 15 minutes
/** What the ELF files that ship have against whoever finds a fault in them: our program, and what is beside it in the initramfs. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { skip, test } from '../support/suite.ts'

const file = (path: string) => new URL(`../../../../${path}`, import.meta.url)
const { targets } = await import(file('firmware/targets/targets.mjs').href)
const { buildProgram } = await import(file('tools/programs.mjs').href)
const PROGRAMS = ['xo-upgrade', 'busybox', 'dbclient'] as const
/** What is settled at the start and then made read-only, where a program has any of it. */
const SETTLED = /^ *\[ *\d+\] \.(got|got\.plt|data\.rel\.ro|init_array|fini_array|tdata|dynamic) /m

/** The path of a program; what is not ours to write is built from its pinned source. */
async function programOf(target: string, name: (typeof PROGRAMS)[number]): Promise<string> {
  const own = `build/${target}/xo-upgrade`
  if (!existsSync(own)) skip(`${own} is not built: npm run build -- --target ${target}`)
  return name === 'xo-upgrade' ? own : join(await buildProgram(target, name), name)
}

function read(program: string, ...words: string[]): string {
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

for (const target of ['x86_64', 'i586', 'armv7']) {
  const words: string[] = [...targets[target].flags, ...targets[target].linkFlags]
  const isMovable = words.includes('-static-pie')

  for (const name of PROGRAMS) {
    test(`${target}, ${name}: no page can be written and run, and addresses are settled before anything runs`, async () => {
      const program = await programOf(target, name)
      const segments = segmentsOf(program)
      assert.ok(segments.filter(({ type }) => type === 'LOAD').length >= 2, 'segments are read')
      assert.equal(
        segments.filter(({ flags }) => flags.includes('W') && flags.includes('E')),
        [],
      )
      assert.is(segments.find(({ type }) => type === 'GNU_STACK')?.flags.trim(), 'RW')
      const isSealed = segments.some(({ type }) => type === 'GNU_RELRO')
      assert.is(isSealed, SETTLED.test(read(program, '-S')), 'read-only after relocation')
      // At a fixed address there may be nothing to settle.
      assert.ok(isSealed || !isMovable)
      const dynamic = read(program, '-d')
      assert.not.match(dynamic, /TEXTREL/)
      if (isMovable) assert.match(dynamic, /\bNOW\b/)
    })

    test(`${target}, ${name}: it can stand at any address, and needs nobody to start it`, async () => {
      const program = await programOf(target, name)
      const type = /Type: +(\w+)/.exec(read(program, '-h'))?.[1]
      assert.is(type, isMovable ? 'DYN' : 'EXEC')
      assert.not(segmentsOf(program).some(({ type }) => type === 'INTERP'))
    })
  }

  test(`${target}: stacks have canaries, deep frames are touched page by page, variables begin as zero`, async () => {
    const wanted = [
      '-fstack-protector-strong',
      '-fstack-clash-protection',
      '-ftrivial-auto-var-init=zero',
    ]
    assert.equal(
      wanted.filter((word) => !words.includes(word)),
      [],
    )
    await programOf(target, 'xo-upgrade')
    // The program is stripped; the host is the same code with its names.
    assert.match(read(`build/${target}/host`, '-s'), /__stack_chk_fail/)
  })
}

/** Where musl keeps the canary of a thread, which every function that has one compares. */
const CANARIES = { x86_64: /%fs:0x28/g, i586: /%gs:0x14/g }

for (const [target, canary] of Object.entries(CANARIES)) {
  for (const name of PROGRAMS) {
    test(`${target}, ${name}: its own code looks at canaries`, async () => {
      const program = await programOf(target, name)
      const options = { encoding: 'utf8', maxBuffer: 2 ** 30 } as const
      const { stdout, error } = spawnSync('objdump', ['-d', '--no-show-raw-insn', program], options)
      if (error) skip(`no objdump here: ${error.message} (npm run setup)`)
      const count = stdout.match(canary)?.length ?? 0
      assert.ok(count > 100, `${count} places`)
    })
  }
}

for (const name of PROGRAMS) {
  test(`x86_64, ${name}: all of it is made for indirect branches and returns that the processor checks`, async () => {
    assert.match(read(await programOf('x86_64', name), '-n'), /x86 feature: IBT, SHSTK/)
  })
}

test.run()
