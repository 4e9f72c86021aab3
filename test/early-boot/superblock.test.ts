/**
 * File systems by their superblocks: real ones if this machine can make them, and bytes made by hand.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { identify } from '../../src/boot/machine/superblock.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const look = (bytes: Uint8Array) =>
  identify((position, length) => bytes.subarray(position, position + length))

const UUID = '01234567-89ab-cdef-0123-456789abcdef'

function made(program: string, options: string[]): Uint8Array {
  const path = join(scratch('superblock'), 'image')
  writeFileSync(path, '')
  execFileSync('truncate', ['-s', '8M', path])
  execFileSync(program, [...options, path], { stdio: 'ignore' })
  return readFileSync(path)
}

for (const [program, types] of [
  ['mkfs.ext4', ['ext4']],
  ['mkfs.ext3', ['ext4', 'ext3']],
  ['mkfs.ext2', ['ext4', 'ext2']],
] as const) {
  test(`${program}: type, UUID and label`, () => {
    const found = look(made(program, ['-q', '-L', 'XO-data', '-U', UUID]))
    assert.equal(found, { types, uuid: UUID, label: 'XO-data' })
  })
}

/** A disk of 64 KiB and a bit, with texts and numbers at their places. */
function disk(parts: [number, string | number[]][]): Uint8Array {
  const bytes = new Uint8Array(0x12000)
  for (const [at, part] of parts) {
    bytes.set(typeof part === 'string' ? Buffer.from(part, 'latin1') : part, at)
  }
  return bytes
}

const FAT_HEAD: [number, string | number[]][] = [
  [0x0b, [0x00, 0x02, 0x01, 0x02, 0x00, 0x01]],
  [0x1fe, [0x55, 0xaa]],
]

test('FAT16: the label of the first folder wins over the one of the boot sector', () => {
  const parts: typeof FAT_HEAD = [
    ...FAT_HEAD,
    [0x16, [0x04, 0x00]],
    [0x27, [0x34, 0x12, 0xcd, 0xab]],
    [0x2b, 'NO NAME    FAT16   '],
  ]
  assert.equal(look(disk(parts)), { types: ['vfat', 'msdos'], uuid: 'abcd-1234', label: '' })
  const folder = (2 + 1 * 4) * 512
  const labelled: typeof parts = [
    ...parts,
    [folder, 'LONGNAME   \x0f'],
    [folder + 32, 'XO-RELEASE \x08'],
  ]
  assert.is(look(disk(labelled))?.label, 'XO-RELEASE')
})

test('FAT32: the first folder stands where its cluster is', () => {
  const parts: typeof FAT_HEAD = [
    ...FAT_HEAD,
    [0x24, [0x08, 0, 0, 0]],
    [0x2c, [0x03, 0, 0, 0]],
    [0x43, [0x78, 0x56, 0x34, 0x12]],
    [0x47, 'OLD NAME   FAT32   '],
    [(2 + 8 + 1) * 512, 'NEW NAME   \x08'],
  ]
  assert.equal(look(disk(parts)), {
    types: ['vfat', 'msdos'],
    uuid: '1234-5678',
    label: 'NEW NAME',
  })
})

test('exFAT, btrfs, ISO 9660 and JFFS2', () => {
  const wide = [...'XO'].flatMap((letter) => [letter.charCodeAt(0), 0])
  const exfat = disk([
    [3, 'EXFAT   '],
    [0x58, [0x10, 0, 0, 0]],
    [0x60, [0x02, 0, 0, 0]],
    [0x64, [1, 0, 0, 0]],
    [0x6c, [9, 3]],
    [0x10 * 512, [0x83, 2, ...wide]],
  ])
  assert.equal(look(exfat), { types: ['exfat'], uuid: '0000-0001', label: 'XO' })
  assert.is(
    look(
      disk([
        [0x10040, '_BHRfS_M'],
        [0x1012b, 'b'],
      ]),
    )?.label,
    'b',
  )
  assert.equal(
    look(
      disk([
        [32769, 'CD001'],
        [32808, 'RELEASE   '],
      ]),
    ),
    {
      types: ['iso9660'],
      uuid: '',
      label: 'RELEASE',
    },
  )
  assert.equal(look(disk([[0, [0x85, 0x19]]]))?.types, ['jffs2'])
})

test('an empty disk, a short one and noise hold none', () => {
  assert.is(look(new Uint8Array(0x20000)), undefined)
  assert.is(look(new Uint8Array(100)), undefined)
  assert.is(look(new Uint8Array(0x20000).fill(0xff)), undefined)
  assert.is(look(disk([[0x1fe, [0x55, 0xaa]]])), undefined)
})

test('no bytes make it fail', () => {
  for (let seed = 0; seed < 200; seed++) {
    const marks = ['EXFAT   ', 'FAT32   ', 'FAT16   ', '_BHRfS_M', 'XFSB', 'CD001']
    const places = [3, 0x52, 0x36, 0x10040, 0, 32769]
    const bytes = disk([
      [0x1fe, [0x55, 0xaa]],
      [places[seed % 6] ?? 0, marks[seed % 6] ?? ''],
    ])
    for (let at = 0; at < 600; at++) {
      const isMark = at >= (places[seed % 6] ?? 0) && at < (places[seed % 6] ?? 0) + 8
      if (!isMark && at !== 0x1fe && at !== 0x1ff) bytes[at] = (at * 31 + seed * 97) & 0xff
    }
    look(bytes)
  }
})

test.run()
