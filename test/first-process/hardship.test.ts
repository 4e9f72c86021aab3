/**
 * The real program as process 1 with something in its way: a fault of its own, a disk that is full to the
 * last block or can't be written to, a record that is garbage. The laptop starts all the same.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { swap } from '../../src/store/swap.ts'
import { bring, withStore } from '../support/node-device.ts'
import { suite } from '../support/suite.ts'
import { file, link } from '../support/tree.ts'
import { busyboxSystem, NamespaceLaptop, smallSystem } from './laptop.ts'

const test = suite('early boot in hardship')
/** Longer than anybody here waits. */
const LAST = 'In 60 seconds'
const start = (laptop: NamespaceLaptop, readOnly = false) =>
  laptop.start([], { readOnly, last: LAST })

/** 42 was swapped in over 41, and was not started yet. */
async function onTrial(): Promise<NamespaceLaptop> {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), async (store) => {
    laptop.publisher.publish(42, smallSystem(42))
    await bring('upgrade', store, laptop.publisher)
    await withStore(store, (each) => void swap(each))
  })
  return laptop
}

const FAULTS = { SEGV: 'it touched memory that is not there', ABRT: 'it gave up' }

for (const [signal, text] of Object.entries(FAULTS)) {
  test(`a fault of process 1 (SIG${signal}) starts it again, and it says so`, async () => {
    const laptop = new NamespaceLaptop()
    await laptop.install(smallSystem(41))
    const { output } = await laptop.start(['xo.store=LABEL=gone', 'xo.wait=0'], {
      answers: {
        'can not start yet': 's',
        'is the rescue shell': `kill -${signal} 1; exit\n`,
        [`While starting: ${text}.`]: 'r',
        'This is try 2 of 10': 'o',
      },
      deadlineMs: 20_000,
    })
    assert.match(output, /This program has a fault/, output)
    assert.match(output, /Switching off/, output)
  })
}

test('a full disk: room was kept to count the boots of a trial, which ends', async () => {
  const laptop = await onTrial()
  assert.match((await start(laptop)).output, /^system 42 /m)
  laptop.fill()
  for (const boot of [2, 3]) {
    const { output } = await start(laptop)
    assert.match(output, new RegExp(`on trial: boot ${boot} of 3`), output)
    assert.match(output, /^system 42 /m)
  }
  const { output } = await start(laptop)
  assert.match(output, /^system 41 /m, output)
  assert.match(laptop.read('xo/state'), /^bad=42$/m)
})

test('a full disk where nothing was kept: the version before starts, because no trial may go on forever', async () => {
  const laptop = await onTrial()
  laptop.fill()
  for (let boot = 0; boot < 2; boot++) {
    const { output } = await start(laptop)
    assert.match(output, /This start can't be counted/, output)
    assert.match(output, /^system 41 /m, output)
  }
  laptop.change('rm -r fill')
  const { output } = await start(laptop)
  assert.match(output, /on trial: boot 1 of 3/, output)
  assert.match(output, /^system 42 /m)
})

test('a full disk and a settled version: it starts, and so does what it kept', async () => {
  const laptop = new NamespaceLaptop()
  const script = 'cat /home/welcome /etc/version; echo new >/etc/new; ls /etc'
  await laptop.install(smallSystem(41, script))
  laptop.configuration = 'root = ro\npersist[] = /home\noverlay[] = /etc\n'
  laptop.change('rm -f xo/room')
  assert.match((await start(laptop)).output, /^from the tree\n41$/m)
  laptop.change('echo kept >xo/persist/home/welcome; echo kept >xo/overlay/etc/upper/version')
  laptop.change('rm xo/room')
  laptop.fill()
  const { output } = await start(laptop)
  assert.match(output, /^kept\nkept$/m, output)
  assert.match(output, /^system 41 /m)
})

test('a disk that takes no changes: what was changed before is seen', async () => {
  const laptop = new NamespaceLaptop()
  const script = 'cat /home/welcome /etc/version; echo now >/etc/version; cat /etc/version'
  await laptop.install(smallSystem(41, script))
  laptop.configuration = 'persist[] = /home\noverlay[] = /etc\n'
  assert.match((await start(laptop)).output, /^from the tree\n41\nnow$/m)
  const { output } = await start(laptop, true)
  assert.match(output, /The disk cannot be written to/, output)
  assert.match(output, /Changes to \/etc will be forgotten/)
  assert.match(output, /^from the tree\nnow\nnow$/m, output)
})

test('a record that is garbage is begun again, and boots are counted again', async () => {
  const laptop = await onTrial()
  laptop.change('dd if=/dev/zero of=xo/state bs=100 count=1 conv=notrunc 2>/dev/null')
  const { output } = await start(laptop)
  assert.match(output, /state record was damaged: it begins again, with the floor at 42/, output)
  assert.match(output, /^system 42 /m)
  assert.match(laptop.read('xo/state'), /^boots=1$/m)
})

test('links in the way of what persists are told, and nothing is mounted through them', async () => {
  const laptop = new NamespaceLaptop()
  const script = 'cat /home/welcome /etc/version; cat /proc/mounts'
  const system = smallSystem(41, script)
  system.set('mail', link('/etc'))
  await laptop.install(system)
  laptop.configuration =
    'persist[] = /mail\npersist[] = /home/welcome\noverlay[] = /etc/version\npersist[] = /etc\n'
  laptop.change('mkdir -p xo/persist/home; ln -s /etc/passwd xo/persist/home/welcome')
  const { output } = await start(laptop)
  assert.match(output, /\/mail does not persist: it is a link to \/etc; name that/, output)
  assert.match(output, /\/home\/welcome does not persist: what is kept is of another kind/)
  assert.match(output, /\/etc\/version does not persist: it is not a folder/)
  assert.match(output, /^from the tree\n41$/m)
  assert.match(output, / \/etc ext4 /)
})

test('under an overlay, too, the tree that runs is known and left alone', async () => {
  const laptop = new NamespaceLaptop()
  const rc = [
    'cat /proc/mounts; xo-upgrade swap; echo swap $?; xo-upgrade confirm --force; echo confirm $?',
    'xo-upgrade recover --keys /etc/key.pub; echo recover $?; poweroff -f',
  ].join('\n')
  const system = busyboxSystem(41, rc)
  system.set('etc/key.pub', file(readFileSync(laptop.publisherKeys)))
  await laptop.install(system, async (store) => {
    laptop.publisher.publish(42, smallSystem(42))
    await bring('upgrade', store, laptop.publisher)
    writeFileSync(join(store, 'state'), 'floor=42\nbad=42\n')
  })
  laptop.configuration = 'root = overlay\n'
  const { output } = await start(laptop)
  assert.match(output, /^overlay \/ overlay/m, output)
  assert.match(output, /^swap 0$/m, output)
  assert.match(output, /the tree that this system runs from was swapped out already/, output)
  assert.match(output, /^recover 75$/m)
})

test.run()
