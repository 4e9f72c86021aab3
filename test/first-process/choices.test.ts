/**
 * What a person or the firmware can say to the real program as process 1: a key that opens the menu, words
 * on the kernel's command line, the names of the disk, and signals.
 */
import { execFileSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { swap } from '../../src/store/swap.ts'
import { confirm } from '../../src/store/trial.ts'
import { bring, withStore } from '../support/node-device.ts'
import { suite } from '../support/suite.ts'
import { NamespaceLaptop, smallSystem } from './laptop.ts'

const test = suite('choices at the start')
/** Longer than anybody here waits. */
const LAST = 'In 60 seconds'

/** 42 runs, confirmed, and 41 ran before. */
async function settled(): Promise<NamespaceLaptop> {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), async (store) => {
    laptop.publisher.publish(42, smallSystem(42))
    await bring('upgrade', store, laptop.publisher)
    await withStore(store, (each) => {
      swap(each)
      confirm(each)
    })
  })
  return laptop
}

test('xo.boot=previous goes back once, and a word that stays does not go to and fro', async () => {
  const laptop = await settled()
  for (let boot = 0; boot < 3; boot++) {
    const { output } = await laptop.start(['xo.boot=previous'], { last: LAST })
    assert.match(output, /^system 41 /m, output)
  }
  assert.match((await laptop.start()).output, /^system 41 /m)
})

test('a key opens the menu, and without one the laptop starts as usual', async () => {
  const laptop = await settled()
  laptop.configuration = 'menu-seconds = 2\n'
  const idle = await laptop.start([], { last: LAST })
  assert.match(idle.output, /Press a key for the menu/)
  assert.not.match(idle.output, /XO start menu/)
  assert.match(idle.output, /^system 42 /m, idle.output)
  const answers = { 'Press a key for the menu': 'x', 'XO start menu': '1' }
  const { output } = await laptop.start([], { answers, last: LAST })
  assert.match(output, /XO start menu[\s\S]*^system 42 /m, output)
})

test('xo.recover=usb looks at the stick alone, mends, and starts', async () => {
  const laptop = await settled()
  const stick = laptop.makeStick()
  const { output } = await laptop.start(['xo.recover=usb'], { disks: [stick], last: LAST })
  assert.match(output, /A recovery was asked for/, output)
  assert.not.match(output, /Looking for a network/)
  assert.match(output, /^system 42 /m)
})

test('the disk by its UUID, in capitals too', async () => {
  const laptop = await settled()
  const uuid = execFileSync('blkid', ['-o', 'value', '-s', 'UUID', laptop.image], {
    encoding: 'utf8',
  }).trim()
  const { output } = await laptop.start([`xo.store=UUID=${uuid.toUpperCase()}:/xo`], { last: LAST })
  assert.match(output, /^system 42 /m, output)
})

for (const [signal, text] of Object.entries({
  INT: 'Restarting',
  TERM: 'Restarting',
  USR1: 'Switching off',
  USR2: 'Switching off',
})) {
  test(`SIG${signal}, as the rescue shell's own commands send it: ${text}`, async () => {
    const laptop = new NamespaceLaptop()
    await laptop.install(smallSystem(41))
    const { output, status } = await laptop.start(['xo.store=LABEL=gone', 'xo.wait=0'], {
      answers: { 'can not start yet': 's', 'is the rescue shell': `kill -${signal} 1\n` },
      deadlineMs: 20_000,
    })
    assert.match(output, new RegExp(text), output)
    assert.is.not(status, undefined)
  })
}

test.run()
