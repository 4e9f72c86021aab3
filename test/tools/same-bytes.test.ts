/**
 * One commit makes the same bytes: in a folder of another name, with another clock, language, umask,
 * user's name and number of processors. The copy shares the cache of built libraries, which are named by
 * what they are made of; that they don't depend on the place either is shown of two small ones.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const BUILT = [
  'build/xo-upgrade.js',
  'build/x86_64/host',
  'build/x86_64/compile',
  'build/x86_64/xo-upgrade',
  'build/firmware/initramfs.cpio.zst',
  'build/firmware/initramfs.cpio.gz',
]
/** What a build reads. */
const READ =
  /^(src|native|runtime|firmware|tools|package.*\.json|tsconfig\.json|rollup\.config\.js)$/
const OTHER_MACHINE = {
  TZ: 'Pacific/Kiritimati',
  LANG: 'de_DE.UTF-8',
  LC_ALL: '',
  USER: 'another',
  LOGNAME: 'another',
  HOSTNAME: 'another',
}

function mustRun(folder: string, command: string[], environment = {}): string {
  const [program = '', ...words] = command
  const { status, stdout, stderr } = spawnSync(program, words, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  assert.is(status, 0, `${command.join(' ')}: ${stderr}`)
  return stdout
}

/** This checkout's sources under another path. */
function copyCheckout(name: string): string {
  const folder = join(scratch('same-bytes'), name)
  mkdirSync(folder)
  for (const entry of readdirSync('.').filter((each) => READ.test(each))) {
    cpSync(entry, join(folder, entry), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  return folder
}

test('program, host and initramfs are the same wherever and whenever they are built', () => {
  const copy = copyCheckout('a-checkout-whose-path-is-longer-than-most')
  symlinkSync(resolve('.cache'), join(copy, '.cache'))
  const make = 'umask 077; exec taskset -c 0 node tools/firmware.mjs'
  mustRun(copy, ['sh', '-c', make], OTHER_MACHINE)
  mustRun('.', [process.execPath, 'tools/firmware.mjs'])
  const differing = BUILT.filter(
    (path) => !readFileSync(path).equals(readFileSync(join(copy, path))),
  )
  assert.equal(differing, [])
})

/** Builds libraries at the place itself; the bytes of each, by name. */
const BUILD_SMALL = `
  const { buildCLibrary, built, recipes } = await import('./tools/libraries.mjs')
  const { targets } = await import('./firmware/targets/targets.mjs')
  const target = targets.x86_64
  const { flags } = await buildCLibrary('x86_64', target)
  for (const name of ['zlib', 'zstd']) {
    const folder = await built('x86_64', name, ['here'], (source, into) =>
      recipes[name]({ target, flags, source, into }))
    console.log(folder)
  }`

function buildSmallLibraries(name: string): Map<string, Buffer> {
  const copy = copyCheckout(name)
  mkdirSync(join(copy, '.cache/libraries'), { recursive: true })
  symlinkSync(resolve('.cache/archives'), join(copy, '.cache/archives'))
  for (const folder of readdirSync('.cache/libraries').filter((each) =>
    each.startsWith('x86_64-musl-'),
  )) {
    symlinkSync(resolve('.cache/libraries', folder), join(copy, '.cache/libraries', folder))
  }
  const node = [process.execPath, '--input-type=module', '-e', BUILD_SMALL]
  const folders = mustRun(copy, node).trim().split('\n')
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((each) => each.endsWith('.a'))
      .map((each) => join(folder, each)),
  )
  assert.ok(files.length > 0 && files.every((file) => existsSync(file)))
  return new Map(files.map((file) => [file.slice(copy.length), readFileSync(file)]))
}

test('a library is the same wherever it is built, and has the same name', () => {
  const here = buildSmallLibraries('one')
  const there = buildSmallLibraries('another-place-with-a-longer-name')
  assert.equal([...here.keys()], [...there.keys()])
  for (const [name, bytes] of here) assert.ok(there.get(name)?.equals(bytes), name)
})

test.run()
