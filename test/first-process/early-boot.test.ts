/** The real program as process 1, from its first mount to the system's init, and what it does when that fails. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { changeState } from '../../src/store/state.ts'
import { bring, withStore } from '../support/node-device.ts'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { suite } from '../support/suite.ts'
import { file, folder, link } from '../support/tree.ts'
import { busyboxSystem, NamespaceLaptop, smallSystem } from './laptop.ts'

const test = suite('early boot as process 1')

test('finds the store, counts the boot, and hands over to the init of the tree', async () => {
  const laptop = new NamespaceLaptop()
  const look = 'cat /proc/mounts; ls /xo /run/xo/store/; grep Starting /run/xo/boot.log'
  await laptop.install(smallSystem(41, look))
  const { output, status } = await laptop.start()
  assert.is(status, 0, output)
  assert.match(output, /^system 41 as \/sbin\/init , process 1$/m)
  assert.match(output, /^\/dev\/loop[0-9]+ \/ ext4 rw/m)
  assert.match(output, /^\/dev\/loop[0-9]+ \/xo ext4 rw/m)
  assert.match(output, /\/xo:\nfakeroot\nlock\nroom\nstate\n/)
  assert.match(output, /^ *[0-9.]+ Starting version 41\.$/m)
  assert.match(laptop.read('xo/state'), /^boots=1$/m)
})

test('what persists begins as the tree has it, and goes on; the root takes no writing', async () => {
  const laptop = new NamespaceLaptop()
  const script = [
    'cat /home/welcome; echo more >> /home/welcome',
    'echo changed > /etc/version; echo etc $?; cat /etc/version',
    'ls /var; touch /var/forgotten; echo var $?',
    'touch /tmp/x; echo root $?; touch /xo/upgrade-may-write; echo store $?',
  ].join('\n')
  await laptop.install(smallSystem(41, script))
  laptop.configuration =
    'root = ro\npersist[] = /home\npersist[] = /nowhere\noverlay[] = /etc\nvolatile[] = /var\n'
  const first = await laptop.start()
  assert.is(first.status, 0, first.output)
  assert.match(first.output, /^from the tree\netc 0\nchanged\nvar 0\n/m, first.output)
  assert.match(first.output, /^root 1\nstore 0$/m)
  assert.match(first.output, /\/nowhere does not persist: the tree has nothing there/)
  const second = await laptop.start()
  assert.match(second.output, /^from the tree\nmore\netc 0\nchanged\nvar 0\n/m, second.output)
  assert.is(laptop.read('xo/fakeroot/root/home/welcome'), 'from the tree\n')
  assert.is(laptop.read('xo/fakeroot/root/etc/version'), '41\n')
  assert.is(laptop.read('xo/persist/home/welcome'), 'from the tree\nmore\nmore\n')
})

test('a version that waits is swapped in, tried, and left after its boots', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), async (store) => {
    laptop.publisher.publish(42, smallSystem(42))
    await bring('upgrade', store, laptop.publisher)
  })
  for (const boot of [1, 2, 3]) {
    const { output } = await laptop.start()
    assert.match(output, new RegExp(`on trial: boot ${boot} of 3`), output)
    assert.match(output, /^system 42 /m)
  }
  const { output } = await laptop.start()
  assert.match(output, /started 3 times and never became healthy/, output)
  assert.match(output, /^system 41 /m)
  assert.match(laptop.read('xo/state'), /^bad=42$/m)
})

test('the version before, by the menu', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), async (store) => {
    laptop.publisher.publish(42, smallSystem(42))
    await bring('upgrade', store, laptop.publisher)
  })
  assert.match((await laptop.start()).output, /^system 42 /m)
  const { output } = await laptop.start(['xo.menu'], { answers: { 'Press a key': '2' } })
  assert.match(output, /go back to the version before/)
  assert.match(output, /^system 41 /m, output)
})

test('a damaged system is repaired from a stick', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), (store) => {
    writeFileSync(join(store, 'fakeroot/root/bin/busybox'), '')
  })
  const stick = laptop.makeStick()
  const { output, status } = await laptop.start(['xo.debug'], { disks: [stick] })
  assert.match(output, /damaged/, output)
  // What reads the stick is not what starts the system.
  const confined =
    / confined: all else read-only, no new privileges, .*seccomp\n[\s\S]* whole again/
  assert.match(output, confined, output)
  assert.match(output, /The system is whole again/, output)
  assert.match(output, /^system 41 /m)
  assert.is(status, 0)
})

test('versions that a rotated key and a revoked one signed start, and recovery follows the keys', async () => {
  const laptop = new NamespaceLaptop()
  const { keys, module } = laptop.publisher
  const secret = scratch('rotated')
  const xo = (...words: string[]) => mustRun(PROGRAM, words)
  await laptop.install(smallSystem(41), async (store) => {
    xo('keygen', '--to', secret, '--name', 'release-2')
    const change = ['--next', join(secret, 'release-2.pub'), '--revoke', keys.publicFile]
    xo('keys', '--role', 'release', ...change, '--key', keys.secretFile, '--to', module)
    laptop.publisher.publish(42, smallSystem(42), { secretKey: join(secret, 'release-2.sec') })
    await bring('upgrade', store, laptop.publisher)
  })
  const rotated = await laptop.start()
  assert.match(rotated.output, /^system 42 /m, rotated.output)
  const revoked = await laptop.start(['xo.menu'], { answers: { 'Press a key': '2' } })
  assert.match(revoked.output, /^system 41 /m, revoked.output)
  const empty = new NamespaceLaptop()
  await empty.install(smallSystem(41), (store) =>
    rmSync(join(store, 'fakeroot'), { recursive: true }),
  )
  empty.publisherKeys = keys.publicFile
  const { output } = await empty.start([], { disks: [laptop.makeStick(empty.label)] })
  assert.match(output, /^system 42 /m, output)
})

test('with no system and no help it looks where it was told to, then everywhere, and says what it tried', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), (store) => {
    rmSync(join(store, 'fakeroot'), { recursive: true })
    mkdirSync(join(store, 'fakeroot'))
  })
  const answers = { 'No system on this laptop can start': 'o' }
  const { output, status } = await laptop.start(['xo.recover=usb'], { answers })
  assert.match(output, /No USB stick is named[\s\S]*Looking for a network/, output)
  assert.is(output.split('Looking for a network').length, 2, output)
  assert.match(output, /What was tried:/)
  assert.match(output, /Switching off/)
  assert.is.not(status, undefined)
})

test('the only version there is starts, though it never became healthy and nothing mends it', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), (path) =>
    withStore(path, (store) => changeState(store, { trial: 41, boots: 3 })),
  )
  const { output } = await laptop.start()
  assert.match(output, /started 3 times and never became healthy/, output)
  assert.is(output.split('Looking at what this disk still has').length, 2, output)
  assert.match(output, /^system 41 /m)
})

test('the init that is asked for is the one that starts; one that can not be executed is no panic', async () => {
  const laptop = new NamespaceLaptop()
  const system = smallSystem(41)
  system.set('bin/other', link('../sbin/init'))
  await laptop.install(system)
  const other = await laptop.start(['init=/bin/other'])
  assert.match(other.output, /^system 41 as \/bin\/other /m, other.output)
  const { output } = await laptop.start(['init=/etc/version'])
  assert.match(output, /^system 41 as \/sbin\/init /m, output)
})

test('a disk that does not come is told with those that are there', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41))
  const { output } = await laptop.start(['xo.store=LABEL=gone', 'xo.wait=1'], {
    answers: { 'can not start yet': 'b' },
  })
  assert.match(
    output,
    /While looking for the disk of the store: the disk LABEL=gone did not appear/,
  )
  // The screen breaks lines where it must, and cuts a list that the disks of other tests make long.
  const told = new RegExp(`there are: .*(ext4 "${laptop.label}"|\\.\\.\\.)`)
  assert.match(output.replace(/\s+/g, ' '), told)
  assert.match(output, /Restarting/)
})

test('after ten starts that failed in a row the machine itself is restarted', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41))
  const tries = Array.from({ length: 8 }, (_, index) => `This is try ${index + 2} of 10`)
  const { output, status } = await laptop.start(['xo.store=LABEL=gone', 'xo.wait=0'], {
    // Nobody has to be there; the key only saves the minute between two tries.
    answers: Object.fromEntries(['can not start yet', ...tries].map((text) => [text, 'r'])),
  })
  assert.match(output, /This is try 9 of 10/, output)
  assert.not.match(output, /This is try 10 of 10/)
  assert.match(output, /Restarting\.\s*$/)
  assert.is.not(status, undefined)
})

const SERIAL = 'SN-1'

/** A laptop that its home server has reported stolen. */
async function stolenLaptop(): Promise<NamespaceLaptop> {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41), (path) =>
    withStore(path, (store) => {
      const home = { stolen: true, leaseEnd: undefined, version: undefined, message: '' }
      const rest = { intervalSeconds: 60, priority: 'normal' as const, sources: [] }
      changeState(store, { trustedSeconds: 1_700_000_000, home: { ...home, ...rest } })
    }),
  )
  laptop.configuration = `[anti-theft]\nenforce = yes\n[device]\nserial = ${SERIAL}\n`
  return laptop
}

test('a laptop that is locked shows why, and has no shell', async () => {
  const laptop = await stolenLaptop()
  const { output } = await laptop.start([], { answers: { 'is locked': 'sb' } })
  assert.match(output, /reported stolen/, output)
  assert.match(output, /No home server is configured/, output)
  assert.not.match(output, /rescue shell/)
  assert.not.match(output, /^system 41/m)
})

test('a stick with a signed word frees a laptop that is locked, and no other one does', async () => {
  const laptop = await stolenLaptop()
  const secret = scratch('home')
  for (const name of ['home', 'other']) {
    mustRun(PROGRAM, ['keygen', '--to', secret, '--name', name])
  }
  const files = { 'etc/xo-upgrade/keys/home.pub': join(secret, 'home.pub') }
  const stick = (key: string) => {
    const { module } = laptop.publisher
    const to = ['--serial', SERIAL, '--key', join(secret, `${key}.sec`), '--to', module]
    mustRun(PROGRAM, ['make-unlock', ...to])
    return laptop.makeStick()
  }
  const answers = { 'is locked': 'b' }
  const forged = await laptop.start([], { files, answers, disks: [stick('other')] })
  assert.match(forged.output, /reported stolen/, forged.output)
  assert.not.match(forged.output, /^system 41/m)
  rmSync(join(laptop.publisher.module, `unlock-${SERIAL}`))
  const { output } = await laptop.start([], { files, answers, disks: [stick('home')] })
  assert.match(output, /^system 41 /m, output)
})

test('a live swap pivots to the new tree, and busybox init starts again there', async () => {
  const laptop = new NamespaceLaptop()
  const rc41 = 'echo "rc of 41"; /bin/xo-upgrade swap --live; sleep 5'
  const rc42 = 'echo "rc of 42, kernel up"; cat /proc/mounts; cat /mnt/etc/version; poweroff -f'
  await laptop.install(busyboxSystem(41, rc41), async (store) => {
    laptop.publisher.publish(42, busyboxSystem(42, rc42))
    await bring('upgrade', store, laptop.publisher)
    await withStore(store, (each) => {
      // As if it had come while 41 runs: the early boot would swap it in.
      changeState(each, { bad: [42] })
    })
  })
  const { output } = await laptop.start()
  assert.match(output, /^rc of 41$/m, output)
  assert.match(output, /Version 42 runs from now on, on trial/, output)
  assert.match(output, /^rc of 42, kernel up$/m, output)
  assert.match(output, /^\/dev\/loop[0-9]+ \/ ext4/m)
  assert.match(output, /^41$/m)
  assert.match(laptop.read('xo/state'), /^trial=42$/m)
  assert.match(laptop.read('xo/state'), /^boots=1$/m)
})

for (const [name, table] of [
  [
    'unmounts everything at its end',
    '::once:/bin/sh /etc/rc\n::restart:/sbin/init\n::shutdown:/bin/umount -a -r\n',
  ],
  ['has no line to restart', '::once:/bin/sh /etc/rc\n'],
  ['has only what busybox does by itself', undefined],
] as const) {
  test(`a live swap where the init ${name}: the new system has all its mounts`, async () => {
    const laptop = new NamespaceLaptop()
    const rc41 = 'echo "rc of 41"; /bin/xo-upgrade swap --live; sleep 15'
    const rc42 = 'echo "rc of 42"; cat /proc/mounts /etc/inittab; poweroff -f'
    const old = busyboxSystem(41, table === undefined ? '' : rc41)
    if (table === undefined) {
      old.delete('etc/inittab')
      // What busybox starts then.
      old.set('etc/init.d', folder())
      old.set('etc/init.d/rcS', file(`#!/bin/sh\nPATH=/bin:/sbin\n${rc41} &\n`, { mode: 0o755 }))
    } else {
      old.set('etc/inittab', file(table))
    }
    old.set('etc/xo-upgrade.conf', file('[boot]\npersist[] = /home\n'))
    await laptop.install(old, async (store) => {
      laptop.publisher.publish(42, busyboxSystem(42, rc42))
      await bring('upgrade', store, laptop.publisher)
      await withStore(store, (each) => changeState(each, { bad: [42] }))
    })
    const etc = 'echo "[boot]\npersist[] = /home" >xo/fakeroot/root/etc/xo-upgrade.conf'
    void etc
    const { output } = await laptop.start([], { deadlineMs: 40_000 })
    assert.match(output, /^rc of 42$/m, output)
    const after = output.slice(output.indexOf('rc of 42'))
    for (const path of ['/proc', '/sys', '/dev', '/run', '/xo', '/home']) {
      assert.match(after, new RegExp(`^\\S+ ${path} `, 'm'), `${path}: ${after}`)
    }
    assert.match(after, /^::restart:\/sbin\/init$/m, 'its own table is back')
  })
}

test('a fault of its own is shown, and the next try starts the system', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41))
  const { output } = await laptop.start([], {
    environment: { XO_INIT_FAILED: 'out of memory' },
    answers: { 'has a fault': 'sr' },
  })
  assert.match(output, /This program has a fault[\s\S]*While starting: out of memory\./, output)
  assert.not.match(output, /This is the rescue shell/)
  assert.match(output, /^system 41 /m)
})

test('with no memory for anything process 1 does not end', async () => {
  const laptop = new NamespaceLaptop()
  await laptop.install(smallSystem(41))
  const environment = { XO_MEMORY_LIMIT_MB: '1', XO_INIT_FAILED: 'once before' }
  const { output, status } = await laptop.start([], { environment, deadlineMs: 8_000 })
  assert.match(output, /out of memory/)
  assert.is(status, undefined)
})

test.run()
