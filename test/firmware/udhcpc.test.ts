/**
 * The script that udhcpc calls, in the busybox of the initramfs and with the environment that udhcpc
 * would give it: what a DHCP server says sets the interface up, and nothing that it may say is executed,
 * leaves its line, or reaches anything but the lease.
 */

import * as assert from 'uvu/assert'
import { sourceOfLease } from '../../src/source/lease.ts'
import { unpackedInitramfs } from '../support/initramfs.ts'
import { runMachine } from '../support/memory-machine.ts'
import { suite } from '../support/suite.ts'

const test = suite('the script of udhcpc')
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

const SETUP = `#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /run/xo /canary
. /calls
echo "== done"
`
const SHOW = [
  'for f in /run/xo/dhcp.*; do echo "-- $f"; cat "$f"; done',
  'echo "-- addresses"; ip -4 -o addr; echo "-- routes"; ip route',
  'echo "-- resolv"; cat /etc/resolv.conf; echo "-- canary"; ls -A /canary; ls -A / /run /run/xo /etc',
].join('\n')

/** Two interfaces with nobody listening at their other ends. */
const INTERFACES = [
  'ip link add one type veth peer name far1; ip link add two type veth peer name far2',
  'for each in lo one two far1 far2; do ip link set $each up; done; exec "$@"',
].join('\n')

type Given = Record<string, string>

const quoted = (text: string) => `'${text.replace(/'/g, "'\\''")}'`

/** Calls the script once for each; returns what is on the machine afterwards, by heading. */
async function called(calls: [verb: string, given: Given][]): Promise<Map<string, string>> {
  const lines = calls.map(([verb, given]) => {
    const words = Object.entries(given).map(([name, value]) => `${name}=${quoted(value)}`)
    return `env -i ${words.join(' ')} /etc/udhcpc.script ${verb}`
  })
  const root = await unpackedInitramfs({ start: SETUP, calls: `${lines.join('\n')}\n${SHOW}\n` })
  const { output, stdout } = await runMachine({
    ...{ root, files: {}, command: ['/bin/sh', '/start'], deadlineMs: 60_000 },
    network: ['unshare', '-n', 'sh', '-c', INTERFACES, 'sh'],
  })
  assert.match(output, /== done/, output)
  return new Map(
    stdout.split(/^-- /m).map((part) => {
      const end = part.indexOf('\n')
      return [part.slice(0, end), part.slice(end + 1)]
    }),
  )
}

const PLAIN = { ip: '10.9.0.7', mask: '24', router: '10.9.0.1', dns: '10.9.0.1 10.9.0.2' }
const URL_OF_SCHOOL = 'rsync://10.9.0.1/xo'

test('an address, its router, its names and its source; a second interface beside it', async () => {
  const one = { ...PLAIN, interface: 'one', serverid: '10.9.0.1', opt224: hex(URL_OF_SCHOOL) }
  const two = { interface: 'two', ip: '10.8.0.7', mask: '16', router: '10.8.0.1', dns: '10.8.0.1' }
  const shown = await called([
    ['deconfig', { interface: 'one' }],
    ['bound', one],
    ['bound', two],
    ['renew', one],
  ])
  const lease = shown.get('/run/xo/dhcp.one') ?? ''
  assert.match(lease, /^interface=one\nip=10\.9\.0\.7\nmask=24\nrouter=10\.9\.0\.1 \ndns=/)
  assert.match(lease, /^serverid=10\.9\.0\.1$/m)
  assert.is(sourceOfLease(lease), URL_OF_SCHOOL)
  assert.match(shown.get('addresses') ?? '', /one +inet 10\.9\.0\.7\/24/)
  assert.match(shown.get('addresses') ?? '', /two +inet 10\.8\.0\.7\/16/)
  // Neither takes the other one's route away.
  const routes = shown.get('routes') ?? ''
  assert.match(routes, /^default via 10\.9\.0\.1 dev one +metric/m, routes)
  assert.match(routes, /^default via 10\.8\.0\.1 dev two +metric/m, routes)
  assert.is(shown.get('resolv'), 'nameserver 10.9.0.1\nnameserver 10.9.0.2\nnameserver 10.8.0.1\n')
})

test('a renewed lease with another address replaces the first; deconfig takes all away', async () => {
  const given = { ...PLAIN, interface: 'one' }
  const renewed = await called([
    ['bound', given],
    ['renew', { ...given, ip: '10.9.0.99' }],
  ])
  assert.match(renewed.get('addresses') ?? '', /10\.9\.0\.99\/24/)
  assert.not.match(renewed.get('addresses') ?? '', /10\.9\.0\.7\//)
  assert.match(renewed.get('routes') ?? '', /^default via 10\.9\.0\.1/m)
  const gone = await called([
    ['bound', given],
    ['deconfig', { interface: 'one' }],
  ])
  assert.not.match(gone.get('addresses') ?? '', /inet 10\.9/)
  assert.not.match(gone.get('routes') ?? '', /default/)
  assert.not.ok(gone.has('/run/xo/dhcp.one'))
  assert.is(gone.get('resolv'), '')
})

test('classless routes count instead of the router; without any router or names it is as good', async () => {
  const routes = '10.77.0.0/16 10.9.0.3 0.0.0.0/0 10.9.0.4 10.66.0.0/16 0.0.0.0 x/8 10.9.0.5'
  const shown = await called([
    ['bound', { ...PLAIN, interface: 'one', staticroutes: routes }],
    ['bound', { interface: 'two', ip: '10.8.0.7', mask: '24' }],
  ])
  const table = shown.get('routes') ?? ''
  assert.match(table, /^default via 10\.9\.0\.4 dev one/m, table)
  assert.match(table, /^10\.77\.0\.0\/16 via 10\.9\.0\.3 dev one/m)
  assert.match(table, /^10\.66\.0\.0\/16 dev one/m)
  assert.not.match(table, /via 10\.9\.0\.1 /)
  assert.not.match(table, /default .* dev two/)
  assert.match(shown.get('/run/xo/dhcp.two') ?? '', /^ip=10\.8\.0\.7$/m)
})

const HOSTILE = [
  '$(touch /canary/1)',
  '`touch /canary/2`',
  '; touch /canary/3;',
  "'; touch /canary/4; '",
  '\n/bin/touch /canary/5\n',
  '10.9.0.1\nsource=rsync://evil/xo',
  '| touch /canary/6',
  '*',
  '/*/*',
  '../../../etc/passwd',
  '-h',
  '%s%n%x\\n\\x2f',
  '\xff\xfe\xc3(',
  'a'.repeat(30_000),
  `10.9.0.1 ${'10.9.0.2 '.repeat(5000)}`,
  '10.9.0.1$(touch /canary/7)',
  '256.1.1',
  '$HOME $(id) ~root',
]

test('whatever a server says is text: nothing is executed, and no line leaves its key', async () => {
  for (const evil of HOSTILE) {
    const given: Given = { interface: 'one' }
    for (const name of ['router', 'dns', 'domain', 'hostname', 'mask', 'serverid', 'siaddr']) {
      given[name] = evil
    }
    for (const name of ['boot_file', 'lease', 'opt43', 'staticroutes', 'message']) {
      given[name] = evil
    }
    const shown = await called([
      ['bound', { ...given, ip: '10.9.0.7', opt224: hex(evil) }],
      ['bound', { ...given, interface: 'two', ip: evil, opt224: evil }],
      ['bound', { ...given, interface: evil.slice(0, 300), ip: '10.9.0.8', opt224: hex(evil) }],
      [`${quoted(evil.slice(0, 300))}`, { ...given, ip: '10.9.0.9' }],
    ])
    const what = JSON.stringify(evil.slice(0, 60))
    const canary = shown.get('canary') ?? 'none'
    assert.ok(canary.startsWith('/:\n'), `${what}: ${canary.slice(0, 200)}`)
    const lease = shown.get('/run/xo/dhcp.one') ?? ''
    assert.match(lease, /^ip=10\.9\.0\.7$/m, what)
    assert.ok(lease.length < 3000, what)
    for (const line of lease.trim().split('\n')) {
      assert.match(
        line,
        /^(interface|ip|mask|router|dns|serverid|siaddr|opt224)=[ -~]{1,512}$/,
        what,
      )
    }
    assert.match(lease, /^mask=24$/m, what)
    assert.is(sourceOfLease(lease), undefined, what)
    assert.not.ok(shown.has('/run/xo/dhcp.two'), what)
    for (const line of (shown.get('resolv') ?? '').trim().split('\n').filter(Boolean)) {
      assert.match(line, /^nameserver [0-9.]{7,15}$/, what)
    }
    for (const line of (shown.get('addresses') ?? '').trim().split('\n')) {
      assert.match(line, /127\.0\.0\.1|10\.9\.0\.7|^$/, what)
    }
  }
})

test.run()
