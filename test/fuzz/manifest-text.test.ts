/** Manifests as TypeScript reads them: escapes, lines, whole files. C's reader has a fuzzer of its own. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import type { Files } from '../../src/host.ts'
import { MANIFEST_LINE_MAX, NAME_LENGTH_MAX, PATH_LENGTH_MAX } from '../../src/limits.ts'
import { escapeTag, escapeWord, unescapeWord } from '../../src/release/manifest-escape.ts'
import { ManifestReader } from '../../src/release/manifest-file.ts'
import {
  type Entry,
  formatManifestLine,
  parseManifestLine,
} from '../../src/release/manifest-line.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { alteredText, byteString, bytes, cuts, record, textOf } from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'

const property = properties('manifest-text')

/** Of names: each byte but NUL. */
const nameBytes = (maxLength: number) =>
  fc
    .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(32, 46, 92, 61, 35)), {
      minLength: 1,
      maxLength,
      size: 'max',
    })
    .map((units) => String.fromCharCode(...units))

property('what is escaped comes back', nameBytes(60), (name) => {
  for (const escaped of [escapeWord, escapeTag]) {
    same(unescapeWord(escaped(name)), name)
    assert.match(escaped(name), /^[!-~]+$/)
  }
  assert.not.match(escapeTag(name), /[,:]/)
})

property(
  'any word stands for bytes that can be escaped, or for none',
  fc.oneof(byteString(40), textOf('\\0123789stnrabvf#M^-?aA[=', 30)),
  (word) => {
    const found = unescapeWord(word)
    if (found === undefined) return
    same(unescapeWord(escapeWord(found)), found)
    assert.ok(found.length <= word.length)
    assert.not(found.includes('\0'))
  },
)

const isName = (name: string) => !name.includes('/') && name !== '.' && name !== '..'
const path = fc
  .array(nameBytes(12).filter(isName), { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'))
const id = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 0xffff_fffe))
const part = fc.oneof(fc.nat(0xffff), fc.constant(0xffff_ffff))

const common = record({
  path,
  mode: fc.nat(0o7777),
  uid: id,
  gid: id,
  modified: record({
    seconds: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1)).map((seconds) => seconds + 0),
    nanoseconds: fc.nat(999_999_999),
  }),
  xattrs: fc
    .uniqueArray(record({ name: nameBytes(20), value: bytes(20) }), {
      selector: ({ name }) => name,
      maxLength: 3,
    })
    .map((list) => list.sort((a, b) => (a.name < b.name ? -1 : 1))),
})
const nothing = {
  ...{ size: 0, link: '', major: 0, minor: 0, digest: '', links: 1, hardLinkTo: undefined },
}
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc
    .tuple(
      common,
      record({
        size: fc.maxSafeNat(),
        digest: fc.stringMatching(/^[0-9a-f]{64}$/),
        links: fc.integer({ min: 2, max: 0xffff_ffff }),
        hardLinkTo: fc.option(path, { nil: undefined }),
      }),
    )
    .map(([all, { hardLinkTo, links, ...own }]): Entry => {
      const isLater = hardLinkTo !== undefined && hardLinkTo < all.path
      return {
        ...nothing,
        ...all,
        ...own,
        links,
        type: 'file',
        hardLinkTo: isLater ? hardLinkTo : undefined,
      }
    }),
  fc.tuple(common, nameBytes(60)).map(([all, link]): Entry => {
    return { ...nothing, ...all, type: 'link', link }
  }),
  fc.tuple(common, part, part).map(([all, major, minor]): Entry => {
    return { ...nothing, ...all, type: 'char', major, minor }
  }),
  fc
    .tuple(common, fc.constantFrom('dir' as const, 'fifo' as const, 'socket' as const))
    .map(([all, type]): Entry => ({ ...nothing, ...all, type })),
)

property(
  'each entry comes back from its line',
  entry,
  (one) => {
    const line = formatManifestLine(one)
    assert.match(line, /^[ -~]+$/)
    same(parseManifestLine(line), one)
  },
  3,
)

/** What other tools write, and what nobody does. */
const WORDS = [
  ...['type=file', 'type=dir', 'mode=0755', 'mode=777777', 'uid=0', 'gid=4294967295', 'nlink=0'],
  ...['size=1', 'time=-0.5', 'time=1.', 'link=\\000', 'device=0x1fffff', 'device=native,1,2'],
  ...[
    'tags=hardlink:.',
    'tags=hardlink:./a',
    'tags=xattr:user.a:',
    'tags=',
    'uname=root',
    '=',
    ' ',
  ],
]
const line = fc
  .tuple(entry.map(formatManifestLine), fc.array(fc.constantFrom(...WORDS), { maxLength: 2 }))
  .map(([one, words]) => [one, ...words].join(' '))

property(
  'any line is refused, or an entry that stays in the tree and is the same when it is written again',
  fc.oneof(
    byteString(120),
    alteredText(line),
    fc
      .tuple(
        fc.constantFrom('./a', './a/b', '.', './..', './a//b', './.'),
        fc.subarray(WORDS, { maxLength: 3 }),
      )
      .map(([name, words]) => {
        const needed = 'mode=0644 uid=0 gid=0 time=0.0 size=1'
        return `${name} ${needed} sha256digest=${'0'.repeat(64)} ${words.join(' ')}`
      }),
  ),
  (text) => {
    const found = decoded(() => parseManifestLine(text), TrustError)
    if (!found) return
    for (const place of [found.path, found.hardLinkTo ?? 'none']) {
      assert.ok(place === '.' || place.split('/').every((name) => isName(name) && name !== ''))
      assert.ok(place.length <= PATH_LENGTH_MAX && !place.includes('\0'))
      assert.ok(place.split('/').every((name) => name.length <= NAME_LENGTH_MAX))
    }
    same(parseManifestLine(formatManifestLine(found)), found)
  },
  3,
)

/** A file whose reads end wherever they like. */
function fileOf(content: Uint8Array, lengths: readonly number[]): Files {
  let reads = 0
  return {
    read(_: number, buffer: Uint8Array, offset: number, length: number, position = 0) {
      const most = Math.min(length, lengths[reads++ % lengths.length] ?? 1)
      const piece = content.subarray(position, position + most)
      buffer.set(piece, offset)
      return piece.length
    },
  } as unknown as Files
}

property(
  'a manifest has the lines of its text, however it is read',
  fc.tuple(
    fc.oneof(
      byteString(300),
      textOf('a#\n', 60),
      alteredText(fc.array(line).map((all) => `${all.join('\n')}\n`)),
    ),
    cuts,
  ),
  ([text, lengths]) => {
    const reader = new ManifestReader(fileOf(arrayOfBytes(text), lengths), 0)
    const found: string[] = []
    const isWhole = decoded(() => {
      for (let next = reader.nextLine(); next !== undefined; next = reader.nextLine())
        found.push(next)
      return true
    }, TrustError)
    same(isWhole ?? false, text === '' || text.endsWith('\n'))
    const lines = text.split('\n').slice(0, -1)
    same(
      found,
      lines.filter((one) => one !== '' && !one.startsWith('#')),
    )
  },
  4,
)

property(
  'a line has its limit',
  fc.nat(2),
  (over) => {
    const text = `${'x'.repeat(MANIFEST_LINE_MAX + over)}\n`
    const reader = new ManifestReader(fileOf(arrayOfBytes(text), [65536]), 0)
    const first = decoded(() => reader.nextLine(), TrustError)
    same(first?.length, over > 0 ? undefined : MANIFEST_LINE_MAX)
  },
  40,
)

property.run()
