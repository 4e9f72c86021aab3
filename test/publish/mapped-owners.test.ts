/** Publishing in a container whose user namespace does not know every owner of the image. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Files } from '../../src/host.ts'
import { MappedOwners } from '../../src/publish/mapped-owners.ts'
import { PROGRAM } from '../support/program.ts'
import { makeKeys } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'

/** A machine with these files in /proc. */
function machine(uidMap: string, overflow = '65534\n'): Files {
  const texts: Record<string, string> = {
    '/proc/self/uid_map': uidMap,
    '/proc/self/gid_map': uidMap,
    '/proc/sys/kernel/overflowuid': overflow,
    '/proc/sys/kernel/overflowgid': overflow,
  }
  const paths = Object.keys(texts)
  return {
    openFile: (path: string) => paths.indexOf(path),
    read: (fd: number, buffer: Uint8Array) =>
      Buffer.from(texts[paths[fd] ?? ''] ?? '').copy(buffer),
    close: () => {},
  } as unknown as Files
}

const see = (owners: MappedOwners, uid: number, gid = 0) =>
  owners.see('image', 'etc/hers', { uid, gid })

test('outside containers every owner is known', () => {
  const owners = new MappedOwners(machine('         0          0 4294967295\n'))
  see(owners, 65_534)
  assert.is(owners.warning, undefined)
})

test('whoever can only be unknown is refused by the path', () => {
  const owners = new MappedOwners(machine('         0       1000          1\n'))
  see(owners, 0)
  assert.throws(() => see(owners, 65_534), /image\/etc\/hers has an owner that is not mapped/)
  assert.throws(() => see(owners, 0, 65_534), /image\/etc\/hers has a group that is not mapped/)
})

test('whoever may be nobody or unknown is told', () => {
  const owners = new MappedOwners(machine('0 1000 1\n1 100000 65535\n'))
  see(owners, 1000)
  assert.is(owners.warning, undefined)
  see(owners, 65_534, 65_534)
  assert.match(
    owners.warning ?? '',
    /2 owners and groups show as 65534 \("etc\/hers" is the first\)/,
  )
})

test('a machine shows them as it is told to', () => {
  const owners = new MappedOwners(machine('0 1000 1\n', '60000\n'))
  see(owners, 65_534)
  assert.throws(() => see(owners, 60_000), /shows as 60000/)
})

test('the program in such a namespace signs no owner that is none', () => {
  const image = join(scratch('image'), 'image')
  mkdirSync(join(image, 'etc'), { recursive: true })
  writeFileSync(join(image, 'etc/hers'), 'hers')
  chownSync(join(image, 'etc/hers'), 1000, 1000)
  const words = [
    'publish',
    '--any-tree',
    '--image',
    image,
    '--version',
    '1',
    '--to',
    scratch('module'),
  ]
  const publish = [PROGRAM, ...words, '--key', makeKeys().secretFile]
  const inside = ['-U', '--map-root-user', ...publish]
  const { status, stderr } = spawnSync('unshare', inside, { encoding: 'utf8' })
  if (/unshare failed/.test(stderr)) skip('this machine lets us make no user namespaces')
  assert.match(stderr, /etc\/hers has an owner that is not mapped into this user namespace/)
  assert.is(status, 64)
})

test.run()
