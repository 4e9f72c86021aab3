/**
 * Lists in the documents that must name everything of a kind: commands, npm scripts, steps of the boot.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { STEPS } from '../../src/boot/steps.ts'
import { PROGRAM } from '../support/program.ts'
import { test } from '../support/suite.ts'

const read = (path: string) => readFileSync(path, 'utf8')

test('every command of the program stands in the guides', () => {
  const { stdout } = spawnSync(PROGRAM, ['--help'], { encoding: 'utf8' })
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = '']) => name)
  assert.ok(commands.length > 15, stdout)
  const guides = ['OPERATING', 'BOOT', 'KEYS', 'ANTI-THEFT'].map((name) => read(`docs/${name}.md`))
  const missing = commands.filter((name) => !guides.join().includes(`xo-upgrade ${name}`))
  assert.equal(missing, [])
})

test('every npm script stands in the page of the tools', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const tools = read('tools/README.md')
  const shown = (name: string) => (name === 'start' || name === 'test' ? name : `run ${name}`)
  const missing = Object.keys(scripts).filter((name) => !tools.includes(`npm ${shown(name)}`))
  assert.equal(missing, [])
})

test('every step of the boot stands in its table, in its order', () => {
  const text = read('docs/BOOT.md')
  const table = text.slice(text.indexOf('| step |')).split('\n\n', 1)[0] ?? ''
  const rows = table.split('\n').map((line) => line.split('|')[1] ?? '')
  const named = rows.flatMap((cell) => cell.split(',').map((name) => name.trim()))
  const names = STEPS.map(({ name }) => name)
  assert.equal(
    named.filter((name) => names.includes(name)),
    names,
  )
})

test.run()
