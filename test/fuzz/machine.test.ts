/**
 * What an early boot reads of the machine that it runs on, some of which anybody can write who has a
 * stick, a bootloader's prompt or the network: the kernel's words, disks, programs, lists, leases.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { parseKernelWords } from '../../src/boot/machine/kernel-words.ts'
import { parseModuleList } from '../../src/boot/machine/modules.ts'
import { identify } from '../../src/boot/machine/superblock.ts'
import { calmTable } from '../../src/boot/root/inittab.ts'
import { isSerial } from '../../src/call-home/reply.ts'
import { readSerial } from '../../src/call-home/serial.ts'
import { parseStorePlace } from '../../src/device/store-place.ts'
import { ConfigError, SourceConfigError } from '../../src/errors.ts'
import { whyNotStarted } from '../../src/hooks.ts'
import type { Files } from '../../src/host.ts'
import { parseHours } from '../../src/hours.ts'
import { guessesOfLeases } from '../../src/source/lease.ts'
import { kindOfKey, parseHostKey } from '../../src/source/ssh-files.ts'
import { readElf } from '../../src/store/elf.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { alteredText, byteString, bytes, textOf } from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'

const property = properties('machine')

/** Every path is a file of this content. */
const filesOf = (content: string, mode = 0o600) =>
  ({
    openFile: () => 3,
    close: () => {},
    statHandle: () => ({ mode }),
    read(_: number, buffer: Uint8Array, offset: number, length: number) {
      const piece = arrayOfBytes(content).subarray(0, length)
      buffer.set(piece, offset)
      return piece.length
    },
  }) as unknown as Files

const KERNEL_WORDS = [
  ...[
    'quiet',
    'init=/init',
    'init=/sbin/init',
    'xo.store=/dev/sda1',
    'xo.store="LABEL=my disk:/xo"',
  ],
  ...[
    'xo.recover',
    'xo.recover=usb',
    'xo.menu',
    'xo.wait=86401',
    'xo.source=rsync://a/b',
    'xo.what=1',
  ],
  ...['--', '"', '=', 'xo.', 'constructor=1', '__proto__=2', 'xo.root=ro', 'xo.boot=previous'],
]

property(
  'any command line of a kernel has a meaning, and what was not understood is told',
  fc.oneof(
    byteString(200),
    alteredText(fc.array(fc.constantFrom(...KERNEL_WORDS)).map((words) => words.join(' '))),
  ),
  (text) => {
    const words = parseKernelWords(text)
    assert.ok(words.waitSeconds === undefined || words.waitSeconds <= 86_400)
    assert.ok(
      words.strange.every((word) => /^(xo\.|init)/.test(word)),
      words.strange.join(),
    )
    for (const word of [...words.sources, words.store, words.init]) {
      assert.ok(word === undefined || (word !== '' && !word.includes('"')))
    }
  },
)

/** A disk with these marks in it, each at its place. */
const disk = fc.array(fc.tuple(fc.nat(0x11100), bytes(30)), { maxLength: 6 }).map((patches) => {
  const content = new Uint8Array(0x11400)
  for (const [at, piece] of patches) content.set(piece, at)
  return content
})
const MARKS: [number, string][] = [
  ...[
    [0x438, '\x53\xef'],
    [0x10040, '_BHRfS_M'],
    [0, 'XFSB'],
    [1024, '\x10\x20\xf5\xf2'],
  ],
  ...[
    [3, 'EXFAT   '],
    [0x52, 'FAT32   '],
    [0x36, 'FAT16   '],
    [0x1fe, '\x55\xaa'],
  ],
  ...[
    [0, '\x85\x19'],
    [32769, 'CD001'],
    [0x0b, '\x00\x02\x01'],
    [0x58, '\x01\x00\x00\x00'],
  ],
] as [number, string][]

property(
  'any disk holds a file system of a known kind, or none, however large it is',
  fc.tuple(disk, fc.subarray(MARKS), fc.nat(0x11400), byteString(64)),
  ([content, marks, size, noise]) => {
    for (const [at, mark] of marks) content.set(arrayOfBytes(mark), at)
    content.set(arrayOfBytes(noise), marks.length % 2 ? 0x0b : 0x58)
    let read = 0
    const found = identify((position, length) => {
      assert.ok(Number.isSafeInteger(position) && position >= 0)
      read += length
      return content.slice(0, size).subarray(position, position + length)
    })
    assert.ok(read <= 0x11000 + 4096)
    if (!found) return
    assert.ok(found.types.length > 0)
    assert.match(found.uuid, /^[0-9a-f-]*$/)
    assert.ok(arrayOfBytes(found.label).length <= 3 * 256 && !found.label.includes('\0'))
  },
  20,
)

const elf = fc
  .tuple(
    fc.constantFrom(1, 2),
    bytes(400),
    fc.array(fc.tuple(fc.nat(430), fc.constantFrom(0, 1, 2, 3, 5, 255))),
  )
  .map(([width, rest, patches]) => {
    const content = new Uint8Array(500)
    content.set(arrayOfBytes(`\x7fELF${String.fromCharCode(width)}\x01`))
    content.set(rest, 6)
    // A table of segments right behind the head.
    content[width === 2 ? 32 : 28] = 64
    for (const [at, byte] of patches) content[28 + at] = byte
    return content
  })

property(
  'any program needs a bounded number of files, read with a bounded effort',
  fc.oneof(bytes(300), elf),
  (content) => {
    let asked = 0
    const needs = readElf((position, length) => {
      asked += length
      return content.slice(position, position + length)
    })
    assert.ok(asked <= 64 + 64 * 65_535 + 4096 + 512 * 16 + 1024 * 1024)
    for (const name of [needs?.interpreter ?? '', ...(needs?.libraries ?? [])]) {
      assert.ok(name.length <= 4096 && !name.includes('\0'))
    }
  },
  4,
)

property(
  'a table without unmounting stays as it is',
  fc.oneof(
    byteString(150),
    textOf(':#\nshutdownrestarum -a', 150),
    alteredText(fc.constant('::shutdown:umount -a -r\n::restart:init\n::shutdown:swapoff -a\n')),
  ),
  (text) => {
    const calm = calmTable(text)
    if (calm !== undefined) same(calmTable(calm), undefined)
  },
)

property(
  'a list of modules names files',
  fc.oneof(byteString(100), textOf('a/.ko #\n=', 80)),
  (text) => {
    for (const { file } of parseModuleList(text)) assert.match(file, /^\S+$/)
  },
)

const PLACES = [
  'UUID=4F-2',
  'LABEL=my disk:/a/b/',
  'PARTLABEL=x',
  '/dev/sda1:/xo',
  'ubi0:data',
  'mtd:data',
]

property(
  'a store has a place, or is refused',
  fc.oneof(byteString(60), alteredText(fc.constantFrom(...PLACES))),
  (text) => {
    const place = decoded(() => parseStorePlace(text), ConfigError)
    if (!place) return
    assert.ok(place.value !== '' && !place.folder.split('/').includes('..'))
    same(parseStorePlace(place.text), place)
  },
)

property('hours are two times of a day, or none', textOf('0123456789:-', 12), (text) => {
  const hours = parseHours(text)
  if (hours) assert.ok(hours.from < 1440 && hours.to < 1440)
})

property(
  'whatever the firmware says, a serial number is safe',
  fc.oneof(
    byteString(90),
    alteredText(fc.constantFrom('SHC12345678\0', 'To be filled by O.E.M.\n')),
  ),
  (text) => {
    const serial = decoded(() => readSerial(filesOf(text), undefined), ConfigError)
    if (serial !== undefined) assert.ok(isSerial(serial))
  },
)

property(
  'whoever gives out addresses is asked by an address',
  alteredText(fc.constantFrom('serverid=10.0.0.1\nsiaddr=0.0.0.0\n', 'siaddr="192.168.1.1"\n')),
  (text) => {
    for (const url of guessesOfLeases(filesOf(text), ['/run/xo/dhcp.eth0'])) {
      assert.match(url, /^rsync:\/\/[0-9.]{7,15}\/xo$/)
    }
  },
)

const KEYS = [
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAA=\n',
  '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n',
  '\0\0\0\x0bssh-ed25519',
  'ssh-ed25519 AAAA',
]

property(
  'a private key is of a known kind, or refused',
  fc.oneof(byteString(100), alteredText(fc.constantFrom(...KEYS))),
  (text) => {
    decoded(() => kindOfKey(filesOf(text), '/etc/key'), SourceConfigError)
  },
)

property(
  'the key of a host is one line of plain characters, or none',
  fc.oneof(byteString(100), alteredText(fc.constant(`ssh-ed25519 ${'AAAA'.repeat(17)} comment`))),
  (text) => {
    const key = parseHostKey(text)
    if (key === undefined) return
    assert.match(key, /^[!-~]+ [!-~]+$/)
    same(parseHostKey(key), key)
  },
)

property(
  'why a hook could not be started is told, whatever is in it',
  fc.tuple(
    fc.oneof(byteString(40), textOf('#!/ \t\r\nbinsh', 30)),
    fc.constantFrom('ENOENT', 'ENOEXEC', 'EACCES'),
  ),
  ([text, code]) => {
    const error = Object.assign(new Error(), {
      name: 'SystemError' as const,
      call: 'execve',
      path: '',
      code,
      errno: 2,
    })
    assert.match(whyNotStarted(filesOf(text), '/etc/hook', error), code)
  },
)

property.run()
