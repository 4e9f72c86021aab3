/** The configuration file: what it sets; what makes no sense in it is refused with its line. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { defaults, parseConfiguration, readConfiguration } from '../../src/device/settings.ts'
import { ConfigError } from '../../src/errors.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()

test('an empty file is the defaults', () => {
  assert.equal(parseConfiguration('', 'x'), defaults())
  assert.equal(parseConfiguration('# a comment\n; another\n[store]\n', 'x'), defaults())
})

test('every key sets what it names', () => {
  const content = `
[store]
path = /data/xo
keep-free-mb = 20
[device]
hardware = xo-1
deployment = perú
[sources]
url[] = rsync://school/xo
url[] = rsync://anna@10.0.0.1:8730/a%20b
[trust]
keys = /etc/keys
[transfer]
compress = zlibx
compress-level = 9
connect-timeout-seconds = 3
timeout-seconds = 30
minimum-bytes-per-second = 100
password-file = /etc/password
`
  assert.equal(parseConfiguration(content, 'x'), {
    ...defaults(),
    store: '/data/xo',
    reserveBytes: 20e6,
    hardware: 'xo-1',
    deployment: 'perú',
    sources: ['rsync://school/xo', 'rsync://anna@10.0.0.1:8730/a%20b'],
    keys: '/etc/keys',
    compression: 'zlibx',
    compressLevel: 9,
    connectTimeoutMs: 3_000,
    timeoutMs: 30_000,
    rateMinBytesPerSecond: 100,
    passwordFile: '/etc/password',
  })
})

test('what home and the policy are told', () => {
  const content = `
[device]
serial = SHC83302A3E
[home]
url = http://home.example.org:8080
timeout-seconds = 5
interval-minutes = 90
[policy]
hold = yes
version = 41
allow-downgrade = yes
on-battery = no
hours = 22:30-06:00
inhibit = /run/inhibit.d
[anti-theft]
enforce = yes
grace-days = 3
stolen-hook = /etc/stolen
[daemon]
control = /run/control.sock
`
  assert.equal(parseConfiguration(content, 'x'), {
    ...defaults(),
    serial: 'SHC83302A3E',
    home: 'http://home.example.org:8080',
    homeTimeoutMs: 5000,
    intervalSeconds: 5400,
    hold: true,
    pinned: 41,
    allowDowngrade: true,
    hours: { from: 22 * 60 + 30, to: 360 },
    inhibit: '/run/inhibit.d',
    lock: { enforce: true, graceSeconds: 3 * 86_400 },
    stolenHook: '/etc/stolen',
    controlSocket: '/run/control.sock',
  })
})

test('one source needs no brackets', () => {
  const { sources } = parseConfiguration('[sources]\nurl = file:///media/stick\n', 'x')
  assert.equal(sources, ['file:///media/stick'])
})

const WRONG: [string, string, RegExp][] = [
  ['an unknown key', '[store]\npath = /a\npth = /b\n', /^f, line 3: unknown key "store.pth"/],
  ['an unknown section', '\n[stor]\npath = /a\n', /^f, line 3: unknown key "stor.path"/],
  ['a key outside of sections', 'path = /a\n', /^f, line 1: "path" is outside/],
  ['no number', '[store]\nkeep-free-mb = many\n', /^f, line 2: .* is "many", allowed: a number/],
  ['a negative number', '[store]\nkeep-free-mb = -1\n', /^f, line 2: /],
  ['too large a number', '[transfer]\ncompress-level = 23\n', /from 0 to 22/],
  ['an unknown choice', '[transfer]\ncompress = lz4\n', /auto, zstd, zlibx, none/],
  ['no yes and no no', '[policy]\nhold = maybe\n', /^f, line 2: .*"maybe", allowed: yes or no/],
  ['no hours', '[policy]\nhours = 24:00-06:00\n', /for instance 22:00-06:00/],
  ['no version', '[policy]\nversion = 0\n', /a number from 1 to/],
  ['no serial', '[device]\nserial = ../x\n', /^f, line 2: .*letters, digits/],
  ['nothing', '[store]\npath =\n', /^f, line 2: .*not empty/],
]
for (const [title, content, message] of WRONG) {
  test(`${title} is refused, and its line is named`, () => {
    try {
      parseConfiguration(content, 'f')
      assert.unreachable()
    } catch (error) {
      assert.instance(error, ConfigError)
      assert.match((error as Error).message, message)
    }
  })
}

test('a line is found where the key begins it, not where another one begins like it', () => {
  const content = '[sources]\nurl[] = rsync://path/xo\n[store]\npathology = 1\n'
  try {
    parseConfiguration(content, 'f')
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /^f, line 4: /)
  }
})

test('a file of the right kind is read; one that is named must be there', () => {
  const path = join(scratch('configuration'), 'file')
  assert.equal(readConfiguration(host, path, false), defaults())
  assert.throws(() => readConfiguration(host, path, true), /ENOENT/)
  writeFileSync(path, '[device]\nhardware = xo-4\n')
  assert.is(readConfiguration(host, path, true).hardware, 'xo-4')
})

test('defaults are not shared between two reads', () => {
  const first = parseConfiguration('', 'x')
  first.sources.push('rsync://a/b')
  assert.equal(parseConfiguration('', 'x').sources, [])
})

test('how a laptop starts', () => {
  const { boot } = parseConfiguration(
    '[boot]\nstore = LABEL=a:/xo\nroot = ro\npersist[] = /home/\npersist[] = /etc/hostname\n' +
      'overlay[] = /etc\nrescue-shell = no\n[recovery]\nstick[] = MINE\n',
    'x.conf',
  )
  assert.equal([boot.store, boot.root, boot.rescueShell], ['LABEL=a:/xo', 'ro', false])
  assert.equal([boot.persist, boot.overlay], [['/home', '/etc/hostname'], ['/etc']])
  assert.equal(boot.stickLabels, ['MINE'])
  assert.equal(parseConfiguration('', 'x.conf').boot.persist, [])
  for (const line of [
    'store = sda',
    'root = rx',
    'persist[] = /',
    'overlay[] = /a/../b',
    'init[] = x',
  ]) {
    assert.throws(() => parseConfiguration(`[boot]\n${line}\n`, 'x.conf'), /x\.conf, line 2/, line)
  }
})

test('a section with a dot in its name is refused, also where it would be a key', () => {
  for (const name of ['store.path', 'a.b.c', 'transfer.x']) {
    assert.throws(
      () => parseConfiguration(`[store]\n[${name}]\npath = /xo\n`, 'x'),
      (error: Error) => error instanceof ConfigError && error.message.includes('no section ['),
      name,
    )
  }
  assert.throws(() => parseConfiguration('\n[store.path]\n', 'x'), /x, line 2: there is no section/)
})

test('a value that can be no name is refused: a NUL, or a character where bytes belong', () => {
  for (const value of ['/x\0', '"/x\\u0000"', '"/\\u0100"']) {
    assert.throws(
      () => parseConfiguration(`[store]\npath = ${value}\n`, 'x'),
      (error: Error) => error instanceof ConfigError && error.message.startsWith('x, line 2: '),
      value,
    )
  }
})

test('an error names the line of its own section and key', () => {
  const twice = '[home]\ntimeout-seconds = 5\n[transfer]\ntimeout-seconds = x\n'
  assert.throws(
    () => parseConfiguration(twice, 'x'),
    (error: Error) => error.message.startsWith('x, line 4: '),
  )
  const alike = '[sources]\nschool-tries = 5\nschool =\n'
  assert.throws(
    () => parseConfiguration(alike, 'x'),
    (error: Error) => error.message.startsWith('x, line 3: '),
  )
})

test.run()
