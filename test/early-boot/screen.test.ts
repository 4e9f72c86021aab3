/** What a person reads when nothing starts: it fits the smallest console, and says it in plain words. */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { layOut } from '../../src/boot/screen/layout.ts'
import { sentenceOf, withoutPassword } from '../../src/boot/screen/plain-words.ts'
import { ConfigError, DeadlineError, PeerError, TrustError } from '../../src/errors.ts'
import { test } from '../support/suite.ts'

const keys = ['', '  r  try again now', '  s  rescue shell', '', 'In 60 seconds it is tried again.']
const fits = (rows: string[]) => {
  assert.ok(rows.length <= 23, `${rows.length} rows`)
  for (const row of rows) assert.ok(row.length <= 79, `${row.length}: ${row}`)
}

test('few sentences stand as they are, wrapped between words under their bullet', () => {
  const long =
    'eth0: nobody on this network gave the laptop an address, although it asked four times.'
  const rows = layOut(['Title', ''], ['No USB stick is named XO-RELEASE.', long], keys)
  fits(rows)
  assert.equal(rows.slice(0, 5), [
    'Title',
    '',
    '  - No USB stick is named XO-RELEASE.',
    '  - eth0: nobody on this network gave the laptop an address, although it asked',
    '    four times.',
  ])
  assert.equal(rows.slice(-keys.length), keys)
})

test('whatever was tried, the title and the keys stay on the screen', () => {
  const words = `rsync://${'a'.repeat(500)}/xo: ${'nobody answers '.repeat(80)}`
  for (const count of [0, 1, 3, 5, 6, 20, 400]) {
    const rows = layOut(['Title', ''], Array(count).fill(words), keys)
    fits(rows)
    assert.is(rows[0], 'Title')
    assert.equal(rows.slice(-keys.length), keys)
  }
  const rows = layOut(['Title', ''], Array(40).fill('One sentence.'), keys)
  fits(rows)
  assert.is(rows.length, 23)
  assert.match(rows.join('\n'), /and 25 more, in the log/)
})

test('as many as just fit are all shown', () => {
  const room = 23 - 2 - keys.length
  const rows = layOut(['Title', ''], Array(room).fill('One.'), keys)
  assert.is(rows.filter((row) => row === '  - One.').length, room)
})

test('errors are said as a teacher says them, with what can be done', () => {
  const away = (text: string) => sentenceOf(new PeerError(text, 'away'))
  const url = 'rsync://school/xo'
  assert.is(
    away(`${url}: no connection (ECONNREFUSED)`),
    `${url}: the server is there, but is not giving out releases right now.`,
  )
  assert.match(away(`${url}: no connection (EHOSTUNREACH)`), /nobody answers there/)
  assert.match(away(`${url}: no connection (ENETUNREACH)`), /can not be reached from this network/)
  assert.match(away(`${url}: the name has no address (EAI_AGAIN)`), /does not know its name/)
  assert.match(
    sentenceOf(new DeadlineError(`${url}: stalled`)),
    /stalled \(it is too slow, or hangs\)/,
  )
  assert.is(
    sentenceOf(new TrustError('rollback: version 41 is older')),
    'rollback: version 41 is older.',
  )
  assert.is(sentenceOf(new ConfigError('this', 'do that')), 'this (do that).')
  const eio = systemError('read', 'fakeroot/root/bin/sh', 'EIO')
  assert.match(sentenceOf(eio), /the disk can no longer read or write some of its blocks/)
})

test('no password and no control character reaches the screen', () => {
  const text = sentenceOf(new PeerError('rsync://me:secret@school/xo: \x1b[2Jno', 'refused'))
  assert.not.match(text, /secret/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
  assert.not.match(text, /[\x00-\x1f]/)
  assert.is(
    withoutPassword('a ssh://u:p@h/m and rsync://h:873/m'),
    'a ssh://u:…@h/m and rsync://h:873/m',
  )
})

test.run()
