/**
 * The XO-1: no program of its initramfs holds an instruction that a Geode LX lacks, the check would
 * find one, and what we put in the place of libgcc's division divides as that does.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const file = (path: string) => new URL(`../../../../${path}`, import.meta.url)
const { foreignInstructions } = await import(file('tools/check-isa.mjs').href)
const { initramfsEntries } = await import(file('tools/firmware.mjs').href)
const { buildCLibrary } = await import(file('tools/libraries.mjs').href)
const { targets } = await import(file('firmware/targets/targets.mjs').href)

const NAMES = ['udivmoddi4', 'udivdi3', 'umoddi3', 'divmoddi4', 'divdi3', 'moddi3']

/** The instructions of this assembler text that a Geode lacks. */
async function foreignOf(...instructions: string[]): Promise<string[]> {
  const folder = scratch('geode')
  const source = join(folder, 'some.s')
  writeFileSync(source, `${instructions.join('\n')}\n`)
  mustRun('as', ['--32', source, '-o', join(folder, 'some.o')])
  const { count, foreign } = await foreignInstructions(join(folder, 'some.o'))
  assert.is(count, instructions.length)
  return foreign.map(({ instruction }: { instruction: string }) => instruction.split(/\s/)[0] ?? '')
}

test('no program in the XO-1`s initramfs holds an instruction that its processor lacks', async () => {
  const entries = await initramfsEntries({ target: 'i586' })
  const names: string[] = []
  for (const { path, content } of entries) {
    if (content?.toString('latin1', 0, 4) !== '\x7fELF') continue
    const program = join(scratch('geode'), 'program')
    writeFileSync(program, content)
    const { count, foreign } = await foreignInstructions(program)
    assert.ok(count > 10_000, path)
    assert.equal(foreign, [], path)
    names.push(path)
  }
  assert.equal(names.sort(), ['bin/busybox', 'bin/dbclient', 'init'])
})

test('the check finds each kind of foreign instruction', async () => {
  const foreign = ['endbr32', 'nopl 0(%eax)', 'nopw 0(%eax,%eax)', 'movaps %xmm0, %xmm1']
  assert.equal(await foreignOf(...foreign), ['endbr32', 'nopl', 'nopw', 'movaps'])
  // Some share their names with what a Geode has.
  const others = ['movd %eax, %xmm0', 'paddb %xmm0, %xmm1', 'fxsave (%eax)', 'fisttpl (%eax)']
  assert.equal(await foreignOf(...others), ['movd', 'paddb', 'fxsave', 'fisttpl'])
  const late = ['tzcnt %eax, %ebx', 'popcnt %eax, %ebx', 'mfence', 'movbe (%eax), %ebx']
  assert.equal(await foreignOf(...late), ['tzcnt', 'popcnt', 'mfence', 'movbe'])
})

test('the check lets pass what a Geode has', async () => {
  const own = ['cmovne %eax, %ebx', 'paddb %mm0, %mm1', 'pfadd %mm0, %mm1', 'pshufw $1, %mm0, %mm1']
  assert.equal(await foreignOf(...own, 'fucomip %st(1), %st', 'prefetchw (%eax)'), [])
  assert.equal(await foreignOf('lock cmpxchg8b (%eax)', 'rep stosl', 'xchg %ax, %ax', 'pause'), [])
})

test('64-bit division is as the compiler`s, in every corner', async () => {
  const { compiler, ownFlags, linkFlags } = targets.i586
  const { flags, link } = await buildCLibrary('i586', targets.i586)
  const program = join(scratch('geode'), 'division')
  const renamed = NAMES.map((name) => `-D__${name}=own_${name}`)
  const own = join(scratch('geode'), 'own.o')
  const theirs = join(scratch('geode'), 'theirs.o')
  const common = [...compiler.slice(1), '-std=gnu11', '-O2', '-fno-pie', ...ownFlags, ...flags]
  const source = (path: string) => file(path).pathname
  const ours = source('firmware/targets/geode/division.c')
  mustRun(compiler[0], [...common, ...renamed, '-c', ours, '-o', own])
  mustRun(compiler[0], [...common, '-c', source('test/firmware/geode/division.c'), '-o', theirs])
  // Our own library is left out: what our functions are compared with has to be libgcc's.
  const after = link.after.filter((word: string) => !word.endsWith('libown.a'))
  const command = [...compiler.slice(1), ...linkFlags, ...link.before, theirs, own, ...after]
  mustRun(compiler[0], [...command, '-o', program])
  const { status, stdout } = spawnSync(program, { encoding: 'utf8', timeout: 120_000 })
  assert.is(stdout, 'all agree\n')
  assert.is(status, 0)
})

test.run()
