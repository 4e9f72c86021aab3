/**
 * The model is of the real program: what the virtual disk records of an upgrade and a swap, and what
 * strace sees of the static binary doing the same, are the same operations in the same order.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Operation } from '../../runtime/emulator/disk/operations.ts'
import { Device } from '../support/device.ts'
import { needStrace } from '../support/needs.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { recorded } from './device.ts'
import { nastyImage } from './images.ts'
import { issuedAt, setStage } from './scenarios.ts'

const CALLS = 'renameat2,renameat,rename,linkat,unlinkat,fsync,syncfs'

/** One line for each operation: what it does, and the last names of its paths. */
function wordsOfModel(operations: Operation[]): string[] {
  return operations.flatMap((operation) => {
    switch (operation.kind) {
      case 'link':
      case 'remove':
        return [`${operation.kind} ${operation.slot.name}`]
      case 'rename':
      case 'exchange':
        return [`${operation.kind} ${operation.source.name} ${operation.target.name}`]
      case 'sync':
      case 'sync-all':
        return [operation.kind]
      default:
        return []
    }
  })
}

/** Lines of strace with all strings in hex (-xx). */
function wordsOfStrace(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const call = /^(\w+)\(.*\) += 0$/.exec(line)?.[1]
    if (!call) return []
    const names = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
      Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('latin1').split('/').at(-1),
    )
    if (call === 'fsync') return ['sync']
    if (call === 'syncfs') return ['sync-all']
    if (call === 'unlinkat') return [`remove ${names[0]}`]
    if (call === 'linkat') return [`link ${names[1]}`]
    return [`${line.includes('RENAME_EXCHANGE') ? 'exchange' : 'rename'} ${names.join(' ')}`]
  })
}

/** From the syncfs of the commit on: the state record of the command line comes after it. */
const fromCommit = (words: string[]) => words.slice(words.indexOf('sync-all'))

test('an upgrade and a swap: the same operations in the same order', async () => {
  needStrace()
  const publisher = new Publisher()
  publisher.publish(1, nastyImage(1), { issued: issuedAt(1) })
  const sources = [`file://${publisher.module}`]
  const device = new Device({ sources, keys: publisher.keys.publicFile })
  await device.succeed('install')
  publisher.publish(2, nastyImage(2), { issued: issuedAt(2) })
  const trace = async (command: string): Promise<string[]> => {
    const log = join(scratch('strace'), 'log')
    const program = join(scratch('strace'), 'traced')
    const words = `-xx -s 9999 -o ${log} -e trace=${CALLS}`
    writeFileSync(program, `#!/bin/sh\nexec strace ${words} ${PROGRAM} "$@"\n`, { mode: 0o755 })
    await device.succeed(command, [], { program })
    return wordsOfStrace(readFileSync(log, 'latin1'))
  }
  const upgraded = await trace('upgrade')
  const swapped = await trace('swap')

  const { world, scenarios } = await setStage()
  const scenario = scenarios.find(({ name }) => name === 'upgrade and swap')
  assert.ok(scenario)
  const model = wordsOfModel((await recorded(world, scenario.start, scenario.act)).operations)
  const commitEnd = model.indexOf('rename staging upgraded-root') + 2
  const [commit, swap] = [fromCommit(model).slice(0, 3), model.slice(commitEnd)]
  assert.equal(commit, ['sync-all', 'rename staging upgraded-root', 'sync'])
  assert.equal(fromCommit(upgraded).slice(0, 3), commit)
  assert.ok(swap.includes('exchange upgraded-root fakeroot'), swap.join('\n'))
  assert.equal(swapped.slice(0, swap.length), swap)
  // Before the commit: all links, renames and removals of staging.
  const before = (words: string[]) => words.slice(0, words.indexOf('sync-all'))
  assert.ok(before(model).length > 15, before(model).join('\n'))
  assert.equal(before(upgraded), before(model))
})

test.run()
