/** Hints of a DHCP server, and what anybody on the network might make of that file. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { guessesOfLeases, sourceOfLease, sourcesOfLeases } from '../../src/source/lease.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const { files } = nodeHost()
const hex = (text: string) => Buffer.from(text).toString('hex')

test('a source is named as text, or as the digits that udhcpc writes', () => {
  const url = 'rsync://172.18.0.1/xo'
  assert.is(sourceOfLease(`ip=172.18.0.7\nserverid=172.18.0.1\nsource=${url}\n`), url)
  assert.is(sourceOfLease(`source='${url}'\r\n`), url)
  assert.is(sourceOfLease(`opt224=${hex(url)}\n`), url)
  assert.is(sourceOfLease(`opt224=${hex(`${url}\0`)}\n`), url)
  assert.is(sourceOfLease('source=rsync://[fd00::1]:8730/xo/\n'), 'rsync://[fd00::1]:8730/xo/')
  assert.is(sourceOfLease('ip=172.18.0.7\nserverid=172.18.0.1\n'), undefined)
})

const HOSTILE = [
  'file:///etc',
  'ssh://root@school/xo',
  'rsync://user:password@school/xo',
  'rsync://user@school/xo',
  'rsync://-oProxyCommand=x/',
  'rsync://school/../xo',
  'rsync://school/xo/etc/passwd',
  'rsync://school/xo\nsource=rsync://other/xo',
  'rsync://sch ool/xo',
  'rsync://school/\0',
  `rsync://${'a'.repeat(600)}/xo`,
  '\xff\xfe',
  '',
]

test('nothing but a plain rsync URL is believed', () => {
  for (const url of HOSTILE) {
    for (const line of [`source=${url}\n`, `opt224=${hex(url)}\n`]) {
      const found = sourceOfLease(line)
      assert.match(found ?? 'rsync://other/xo', /^rsync:\/\/(school|other)\/xo$/, line)
    }
  }
})

test('files that are missing, huge or binary are passed over; each source is named once', () => {
  const folder = scratch('leases')
  const lease = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, 'latin1')
    return join(folder, name)
  }
  const paths = [
    join(folder, 'missing'),
    folder,
    lease('huge', `source=rsync://huge/xo\n${'x'.repeat(20_000)}`),
    lease('binary', '\0\xff\xfe=\n='.repeat(100)),
    lease('dhcp.eth0', 'source=rsync://one/xo\n'),
    lease('dhcp.wlan0', 'source=rsync://one/xo\n'),
    lease('dhcp.wlan1', 'source=rsync://two/xo\n'),
  ]
  assert.equal(sourcesOfLeases(files, paths), ['rsync://one/xo', 'rsync://two/xo'])
  const many = Array.from({ length: 9 }, (_, n) => lease(`m${n}`, `source=rsync://h${n}/xo\n`))
  assert.is(sourcesOfLeases(files, many).length, 4)
})

test('the last guess: the server that gives out addresses', () => {
  const folder = scratch('guesses')
  const lease = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, 'latin1')
    return join(folder, name)
  }
  const paths = [
    lease('a', 'ip=10.0.2.15\nserverid=10.0.2.2\nsiaddr=0.0.0.0\n'),
    lease('b', 'serverid=10.0.2.2\nsiaddr=10.0.2.9\n'),
    lease('c', 'serverid=evil/../x\n'),
  ]
  assert.equal(guessesOfLeases(files, paths), ['rsync://10.0.2.2/xo', 'rsync://10.0.2.9/xo'])
})

test.run()
