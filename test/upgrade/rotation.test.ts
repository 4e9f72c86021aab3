/** Rotations of keys end to end, with the program: published, followed by upgrades, kept on the disk. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun, run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const folder = scratch('rotation')
const at = (name: string) => join(folder, name)
const xo = (...words: string[]) => mustRun(PROGRAM, words)

function publish(version: number, key: string): void {
  writeFileSync(at('image/etc'), `version ${version}`)
  const what = ['--image', at('image'), '--version', String(version), '--to', at('module')]
  xo('publish', '--any-tree', ...what, '--key', at(`secret/${key}.sec`))
}

function rotate(from: string, to: string): void {
  const words = ['--role', 'release', '--next', at(`secret/${to}.pub`), '--to', at('module')]
  xo('keys', ...words, '--revoke', at(`secret/${from}.pub`), '--key', at(`secret/${from}.sec`))
}

const store = () => [
  '--store',
  at('store'),
  '--keys',
  at('keys'),
  '--source',
  `file://${at('module')}`,
]

test.before(() => {
  for (const name of ['image', 'module', 'keys', 'store']) mkdirSync(at(name))
  for (const name of ['one', 'two', 'three', 'four', 'foreign']) {
    xo('keygen', '--to', at('secret'), '--name', name)
  }
  cpSync(at('secret/one.pub'), at('keys/release.pub'))
  publish(41, 'one')
  xo('install', ...store())
})

test('a laptop that missed three rotations upgrades', () => {
  rotate('one', 'two')
  rotate('two', 'three')
  rotate('three', 'four')
  publish(42, 'four')
  xo('upgrade', ...store())
  xo('swap', '--store', at('store'))
  xo('confirm', '--force', '--store', at('store'))
  assert.ok(existsSync(at('store/keys')))
  xo('verify', '--store', at('store'), '--keys', at('keys'))
})

test('what a revoked key signed is proved by hand, and called so', () => {
  const verify = (tree: string) =>
    run(PROGRAM, ['verify', '--tree', tree, '--store', at('store'), '--keys', at('keys')])
  const { status, stdout, stderr } = verify('previous-root')
  assert.is(status, 0, stderr)
  assert.match(stdout, /Version 41 in previous-root is whole/)
  const day = new Date().toISOString().slice(0, 10)
  const said =
    /^It is signed by key [0-9a-f]{16}, which was revoked at (\S+): it boots, but is not/m
  const [, when = ''] = said.exec(stdout) ?? []
  assert.ok(when.startsWith(day), stdout)
  assert.not.match(verify('fakeroot').stdout, /revoked/)
  renameSync(at('store/previous-root'), at('store/upgraded-root'))
  const waiting = verify('upgraded-root')
  assert.is(waiting.status, 65)
  assert.match(waiting.stderr, /revoked key: upgraded-root is signed by key .* and is not started/)
  renameSync(at('store/upgraded-root'), at('store/previous-root'))
})

test('a recovery proves what a rotated key signed, and fetches the chain where it is lost', () => {
  const running = () => readFileSync(at('store/fakeroot/root/etc'), 'utf8')
  const recover = () =>
    JSON.parse(
      xo('recover', '--json', ...store())
        .trim()
        .split('\n')
        .at(-1) ?? '',
    )
  writeFileSync(at('store/fakeroot/root/etc'), 'damaged')
  assert.is(recover().outcome, 'mended')
  assert.is(running(), 'version 42')
  const chain = readFileSync(at('store/keys'))
  for (const lose of [() => rmSync(at('store/keys')), () => writeFileSync(at('store/keys'), 'x')]) {
    lose()
    assert.is(recover().outcome, 'whole')
    assert.ok(readFileSync(at('store/keys')).equals(chain))
  }
})

test('it trusts the old key no more, also where the chain is gone from the server', () => {
  rmSync(at('module/keys'))
  publish(43, 'one')
  const refused = run(PROGRAM, ['upgrade', ...store()])
  assert.is(refused.status, 65)
  assert.match(refused.stderr, /revoked key/, refused.stderr)
  publish(44, 'four')
  xo('upgrade', ...store())
})

test('a chain that leads to nobody it trusts brings nobody in', () => {
  const words = ['--role', 'release', '--next', at('secret/foreign.pub'), '--to', at('module')]
  xo('keys', ...words, '--key', at('secret/foreign.sec'))
  publish(45, 'foreign')
  const before = readFileSync(at('store/keys'), 'latin1')
  const refused = run(PROGRAM, ['upgrade', ...store()])
  assert.is(refused.status, 65)
  assert.is(readFileSync(at('store/keys'), 'latin1'), before)
})

test.run()
