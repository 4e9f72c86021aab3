/**
 * What somebody chooses, as cases that boot real machines: the previous version or a repair, by words for
 * the kernel and by keys at the console; and how the tree is mounted, with what persists. A case throws if
 * the laptop does not do what it should.
 */
import * as assert from 'uvu/assert'
import { isConfirmed, runsWhole, setUp, starts, succeeds, upgradeAndReboot, xo } from './cases.ts'
import { makeStick } from './laptop.ts'
import type { Machine } from './machine.ts'
import type { Init, Stage } from './stage.ts'

/** No start of a system needs it, so nobody would notice that it is ruined. */
const UNSEEN = 'usr/share/base-passwd/passwd.master'

/** Holds a key until the menu comes, and presses another in it. */
async function chooses(machine: Machine, key: string): Promise<void> {
  await machine.says('Press a key for the menu.')
  machine.types(' ')
  await machine.says('Press a key. After')
  machine.types(key)
}

/**
 * 9: the previous version, from the menu and by a word for the kernel; the one that was left is not taken
 * again.
 */
export async function versionBefore(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 42)
  const withMenu = await stage.firmwareOf('x86_64', { boot: ['menu-seconds = 30'] })
  const machine = await laptop.boot({ server })
  await upgradeAndReboot(machine)
  await isConfirmed(machine, 42)
  await laptop.cutPower()

  const asked = await laptop.boot({ server, firmware: withMenu })
  await chooses(asked, '2')
  await starts(asked, 41)
  const { bad } = await runsWhole(asked, 41)
  assert.equal(bad, [42])
  assert.is((await succeeds(asked, 'upgrade')).outcome, 'up-to-date', 'not unasked')
  await succeeds(asked, 'upgrade --version 42')
  await laptop.cutPower()

  const again = await laptop.boot({ server })
  await starts(again, 42)
  await laptop.cutPower()
  const word = await laptop.boot({ server, words: ['xo.boot=previous'] })
  await starts(word, 41)
  await runsWhole(word, 41)
  word.send('reboot')
  await word.says('Version 41.')
  assert.is(await word.isUp(), 41, 'the word stands there still, and does not lead back and forth')
  await word.cut()
  await server.stop()
}

/** 9: a repair that is asked for, by words and from the menu: from the network, from a stick. */
export async function repairs(stage: Stage, init: Init): Promise<void> {
  const { laptop, server } = setUp(stage, init, 41)
  const withMenu = await stage.firmwareOf('x86_64', { boot: ['menu-seconds = 30'] })
  laptop.zero(`/fakeroot/root/${UNSEEN}`)
  const unaware = await laptop.boot({ server })
  await starts(unaware, 41)
  const verified = await xo(unaware, 'verify --full')
  assert.is.not(verified.status, 0, 'it starts without having noticed')
  await laptop.cutPower()

  const ways = [
    { boot: { server, words: ['xo.recover=network'] }, key: undefined },
    { boot: { stick: makeStick(server), words: ['xo.recover=usb'] }, key: undefined },
    { boot: { server, firmware: withMenu }, key: '3' },
  ]
  for (const { boot, key } of ways) {
    laptop.zero(`/fakeroot/root/${UNSEEN}`)
    const machine = await laptop.boot(boot)
    if (key !== undefined) await chooses(machine, key)
    await machine.says('A recovery was asked for.')
    await starts(machine, 41)
    await runsWhole(machine, 41)
    await laptop.cutPower()
  }
  await server.stop()
}

/**
 * 9: a tree that can't be written to, with what persists, what lies over it, and what is forgotten.
 */
export async function whatPersists(stage: Stage, init: Init): Promise<void> {
  const boot = ['persist[] = /etc/hostname', 'overlay[] = /etc', 'volatile[] = /var']
  const firmware = await stage.firmwareOf('x86_64', { boot })
  const { laptop, server } = setUp({ ...stage, firmware }, init, 42)
  const machine = await laptop.boot({ server })
  await starts(machine, 41)
  assert.is.not((await machine.run('touch /usr/written')).status, 0, 'the tree takes no writing')
  await machine.succeeds('echo maria >/etc/hostname; echo 1 >/etc/own; echo 1 >/var/own')
  await machine.succeeds('echo homework >/home/own')
  await runsWhole(machine, 41)
  await succeeds(machine, 'upgrade')
  machine.send('reboot')
  await starts(machine, 42)
  const kept = await machine.succeeds('cat /etc/hostname /etc/own /home/own')
  assert.is(kept, 'maria\n1\nhomework\n')
  await machine.succeeds('test ! -e /var/own')
  await runsWhole(machine, 42)
  await laptop.cutPower()

  const over = await laptop.boot({ server, words: ['xo.root=overlay'] })
  await starts(over, 42)
  await over.succeeds('echo 1 >/usr/written && rm /usr/share/base-passwd/passwd.master')
  await runsWhole(over, 42)
  over.send('reboot')
  await starts(over, 42)
  await over.succeeds('test ! -e /usr/written && test -s /usr/share/base-passwd/passwd.master')
  assert.is(await over.succeeds('cat /home/own'), 'homework\n')
  await over.cut()
  await server.stop()
}
