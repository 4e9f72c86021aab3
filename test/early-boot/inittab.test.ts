/** The table that a busybox init is given for a live swap, and when it needs none. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { calmTable } from '../../src/boot/root/inittab.ts'
import { checkTree } from '../../src/boot/root/live-swap.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'

test('a table that unmounts nothing and restarts will do as it is', () => {
  const lines = ['::sysinit:/etc/init.d/rcS', '::shutdown:/bin/sync', '::restart:/sbin/init', '']
  assert.is(calmTable(lines.join('\n')), undefined)
  assert.is(calmTable(`#::shutdown:/bin/umount -a\n${lines.join('\n')}`), undefined)
})

test('lines that unmount are left out, and all others stay', () => {
  const text = '::sysinit:/sbin/mount -a\n::shutdown:/etc/rcK\n::shutdown:/bin/umount -a -r\n'
  const more = 'tty1::respawn:/sbin/getty 38400 tty1\n::restart:/sbin/init\n'
  assert.is(calmTable(text + more), `::sysinit:/sbin/mount -a\n::shutdown:/etc/rcK\n${more}`)
})

test('a line to restart is added, and without a table it is that of busybox', () => {
  assert.is(calmTable('::once:/rc\n'), '::once:/rc\n::restart:/sbin/init\n')
  const own = '::ctrlaltdel:reboot\n::shutdown:swapoff -a\n::restart:init\n'
  assert.is(calmTable(''), own)
})

test('a new system without the file that the table needs is refused before anything has changed', () => {
  if (existsSync('/etc/inittab')) skip('the init of this machine has an /etc/inittab')
  const root = scratch('root')
  for (const folder of ['mnt', 'dev', 'proc', 'sys', 'run', 'etc']) mkdirSync(join(root, folder))
  const check = () => checkTree(nodeHost(), root, { by: 'pivot', init: 'busybox' })
  assert.throws(check, /the new system has no \/etc\/inittab/)
  checkTree(nodeHost(), root, { by: 'pivot', init: 'sysvinit' })
  writeFileSync(join(root, 'etc/inittab'), '')
  check()
})

test.run()
