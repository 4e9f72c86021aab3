/** What the kernel's command line, the place of a store and the list of modules say. */

import * as assert from 'uvu/assert'
import { parseKernelWords } from '../../src/boot/machine/kernel-words.ts'
import { parseModuleList } from '../../src/boot/machine/modules.ts'
import { parseStorePlace } from '../../src/device/store-place.ts'
import { ConfigError } from '../../src/errors.ts'
import { test } from '../support/suite.ts'

test('a command line without our words asks for nothing', () => {
  const words = parseKernelWords('BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet console=ttyS0')
  const { recover, boot, menu, debug, store, init, root, sources, strange } = words
  assert.equal([recover, boot, store, init, root], Array(5).fill(undefined))
  assert.equal([menu, debug, sources, strange], [false, false, [], []])
})

test('all words', () => {
  const words = parseKernelWords(
    'xo.store=LABEL=a:/xo xo.wait=5 xo.root=ro xo.boot=previous xo.recover=usb xo.menu xo.debug ' +
      'xo.source=rsync://a/xo xo.source=rsync://b/xo init=/bin/sh quiet\n',
  )
  assert.equal(words, {
    store: 'LABEL=a:/xo',
    waitSeconds: 5,
    root: 'ro',
    boot: 'previous',
    recover: 'usb',
    menu: true,
    debug: true,
    sources: ['rsync://a/xo', 'rsync://b/xo'],
    init: '/bin/sh',
    strange: [],
  })
  assert.is(parseKernelWords('xo.recover').recover, 'any')
})

test('what makes no sense is told, and does nothing', () => {
  const wrong =
    'xo.root=rx xo.boot=next xo.recover=moon xo.wait=soon xo.store= xo.menu=1 xo.toString'
  const words = parseKernelWords(wrong)
  assert.equal(words.strange, wrong.split(' '))
  assert.is(words.root, undefined)
  assert.is(words.recover, undefined)
})

test('quotes hold words together, what stands behind -- is for init, and init=/init is us', () => {
  assert.is(parseKernelWords('xo.store="LABEL=two words:/xo"').store, 'LABEL=two words:/xo')
  assert.is(parseKernelWords('"xo.store=LABEL=a b"').store, 'LABEL=a b')
  assert.is(parseKernelWords('quiet -- xo.recover').recover, undefined)
  assert.is(parseKernelWords('init=/init').init, undefined)
})

test('places of a store', () => {
  const place = (text: string) => {
    const { by, value, folder } = parseStorePlace(text)
    return [by, value, folder]
  }
  assert.equal(place('UUID=AB-12:/a/b/'), ['uuid', 'ab-12', 'a/b'])
  assert.equal(place('LABEL=my disk'), ['label', 'my disk', ''])
  assert.equal(place('PARTLABEL=data:/'), ['partition-label', 'data', ''])
  assert.equal(place('/dev/sda1:/xo'), ['device', '/dev/sda1', 'xo'])
  assert.equal(place('ubi0:data:/xo'), ['device', 'ubi0:data', 'xo'])
  assert.equal(place('mtd:xo'), ['device', 'mtd:xo', ''])
})

test('what is no place is refused with what would be', () => {
  for (const text of ['', 'sda1', 'LABEL=', 'UUID=:/xo', '/dev/', 'LABEL=a:/../etc', 'TYPE=ext4']) {
    assert.throws(
      () => parseStorePlace(text),
      (error: unknown) => error instanceof ConfigError && /LABEL/.test(error.cure ?? ''),
      text,
    )
  }
})

test('a list of modules', () => {
  const list = parseModuleList('# comment\n\n/lib/a.ko\n  /lib/b.ko  x=1 y=2 # more\n')
  assert.equal(list, [
    { file: '/lib/a.ko', parameters: '' },
    { file: '/lib/b.ko', parameters: 'x=1 y=2' },
  ])
})

test.run()
