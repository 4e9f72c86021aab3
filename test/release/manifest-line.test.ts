/** Lines of manifests: both ways, both dialects, and what is refused. */

import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { escapeTag, escapeWord, unescapeWord } from '../../src/release/manifest-escape.ts'
import {
  comparePaths,
  type Entry,
  formatManifestLine,
  parseManifestLine,
} from '../../src/release/manifest-line.ts'
import { test } from '../support/suite.ts'

const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const REST = 'uid=0 gid=0 time=1700000000.000000000'
const FILE = `./usr/bin/perl type=file mode=0755 uid=0 gid=0 size=3842160 time=1700000000.000000000 sha256digest=${DIGEST}`

function refuses(line: string, message: RegExp): void {
  assert.throws(
    () => parseManifestLine(line),
    (error: unknown) => error instanceof TrustError && message.test(error.message),
    `${line} with ${message}`,
  )
}

test('every kind of line that we write comes back as it was', () => {
  const lines = [
    `. type=dir mode=0755 ${REST}`,
    `./bin type=link mode=0777 ${REST} link=usr/bin`,
    `./dev/null type=char mode=0666 ${REST} device=native,1,3`,
    `./dev/sda type=block mode=0660 uid=0 gid=6 time=1700000000.000000000 device=native,8,0`,
    `./fifo type=fifo mode=0600 ${REST}`,
    `./log type=socket mode=0666 ${REST}`,
    FILE,
    `${FILE} nlink=2`,
    `${FILE.replace('bin/perl', 'bin/perl5')} nlink=2 tags=hardlink:./usr/bin/perl`,
    `${FILE.replace('bin/perl', 'bin/perl5')} nlink=2 tags=hardlink:./usr/bin/pe\\054\\072rl,xattr:user.a:,xattr:user.b:AQ==`,
    `${FILE.replace('0755', '4755')} tags=xattr:security.capability:AQAAAgAgAAAAAAAAAAAAAAAAAAA=`,
    `./a\\040b\\012\\377\\134\\043\\075\\052\\077\\133]{}~ type=dir mode=1777 ${REST}`,
    `./l type=link mode=0777 ${REST} link=../a\\040\\303\\251`,
    `./old type=dir mode=0000 uid=4294967294 gid=65534 time=-1.500000000`,
  ]
  for (const line of lines) assert.is(formatManifestLine(parseManifestLine(line)), line)
})

test('a line is read into its fields', () => {
  assert.equal(
    parseManifestLine(
      `./b\\040c ${FILE.slice(FILE.indexOf(' ') + 1)} nlink=3 tags=hardlink:./a,xattr:user.x:AP8=`,
    ),
    {
      path: 'b c',
      type: 'file',
      mode: 0o755,
      uid: 0,
      gid: 0,
      size: 3842160,
      modified: { seconds: 1700000000, nanoseconds: 0 },
      link: '',
      major: 0,
      minor: 0,
      digest: DIGEST,
      links: 3,
      hardLinkTo: 'a',
      xattrs: [{ name: 'user.x', value: new Uint8Array([0, 255]) }],
    } satisfies Entry,
  )
})

test('what means nothing for a type does not stay in the entry', () => {
  const entry = parseManifestLine(
    `./d type=dir mode=755 ${REST} size=4096 nlink=7 link=x device=native,1,2 sha256=${DIGEST}`,
  )
  assert.is(entry.size, 0)
  assert.is(entry.links, 1)
  assert.is(entry.link, '')
  assert.is(entry.major, 0)
  assert.is(entry.minor, 0)
  assert.is(entry.digest, '')
})

test('all 255 bytes of a name survive both ways, in words and in tags', () => {
  for (let byte = 1; byte < 256; byte++) {
    const unit = String.fromCharCode(byte)
    assert.is(unescapeWord(escapeWord(unit)), unit)
    assert.is(unescapeWord(escapeTag(unit)), unit)
    assert.match(escapeWord(unit), /^[!-~]+$/)
    if (unit === '/') continue
    const path = `x${unit}y`
    const line = formatManifestLine({ ...parseManifestLine(FILE), path })
    assert.is(parseManifestLine(line).path, path)
    assert.is(line.split(' ').length, FILE.split(' ').length)
  }
})

test('names of extended attributes and hard links may hold the marks of tags', () => {
  const value = new Uint8Array([1, 2, 3])
  const entry = {
    ...parseManifestLine(FILE),
    links: 2,
    hardLinkTo: 'a,b:c',
    xattrs: ['user.,', 'user.:', 'user.=\xff '].map((name) => ({ name, value })),
  }
  assert.equal(parseManifestLine(formatManifestLine(entry)), entry)
})

test('the escapes of vis(3) are read', () => {
  const cases: [string, string][] = [
    ['a\\sb', 'a b'],
    ['a\\tb\\nc\\rd', 'a\tb\nc\rd'],
    ['\\a\\b\\v\\f', '\x07\b\v\f'],
    ['caf\\M-C\\M-)', 'caf\xc3\xa9'],
    ['\\M^?\\M-i\\^A\\^?\\M^@', '\xff\xe9\x01\x7f\x80'],
    ['back\\\\slash\\#', 'back\\slash#'],
    ['\\1\\12\\1234', '\x01\nS4'],
  ]
  for (const [word, bytes] of cases) assert.is(unescapeWord(word), bytes)
})

test('malformed escapes and NUL are refused', () => {
  for (const word of [
    'a\\',
    '\\x',
    '\\M',
    '\\M-',
    '\\M- ',
    '\\M^',
    '\\M^a',
    '\\^',
    '\\^a',
    '\\400',
    '\\777',
    '\\000',
    '\\0',
    '\\8',
  ]) {
    assert.is(unescapeWord(word), undefined, word)
    refuses(`./${word} type=dir mode=0755 ${REST}`, /malformed escape/)
  }
  refuses(`./a\0b type=dir mode=0755 ${REST}`, /NUL/)
  refuses(`./a type=link mode=0777 ${REST} link=a\0`, /has link=a\\000$/)
  refuses(`./a type=dir mode=0755 ${REST} tags=xattr:user.\0:`, /malformed extended attribute/)
})

test('no path leaves the tree', () => {
  for (const path of [
    './..',
    './../etc',
    './a/../b',
    './a/..',
    './.',
    './a/.',
    './a/./b',
    './a//b',
    './a/',
    './',
    './/',
    './/etc/passwd',
    './\\056\\056/etc',
    './a/\\056./b',
  ]) {
    refuses(`${path} type=dir mode=0755 ${REST}`, /has a path/)
  }
  for (const path of ['/etc', '..', 'etc', '../etc', '']) {
    refuses(`${path} type=dir mode=0755 ${REST}`, /does not begin with/)
  }
  for (const target of ['./../x', './a/../../x']) {
    refuses(
      `./b ${FILE.slice(FILE.indexOf(' ') + 1)} nlink=2 tags=hardlink:${target}`,
      /has a path/,
    )
  }
  refuses(
    `./b ${FILE.slice(FILE.indexOf(' ') + 1)} nlink=2 tags=hardlink:.`,
    /is a hard link to the root/,
  )
  for (const path of ['./.a', './..a', './a.', './a../...', './.../b']) {
    assert.is(parseManifestLine(`${path} type=dir mode=0755 ${REST}`).path, path.slice(2))
  }
})

test('names of 255 bytes and paths of 4095 pass, longer ones do not', () => {
  const name = '\xe9'.repeat(255)
  const line = (path: string) => `./${escapeWord(path)} type=dir mode=0755 ${REST}`
  assert.is(parseManifestLine(line(name)).path, name)
  refuses(line(`${name}x`), /name of 256 bytes/)
  refuses(line(`a/${name}x/b`), /name of 256 bytes/)
  const path = `${'abcd/'.repeat(818)}abcde`
  assert.is(path.length, 4095)
  assert.is(parseManifestLine(line(path)).path, path)
  refuses(line(`${path}x`), /path of 4096 bytes/)
})

test('a line that lacks something, has it twice or has it wrong is refused', () => {
  const without = (word: string) => FILE.replace(new RegExp(` ${word}=\\S+`), '')
  const cases: [string, RegExp][] = [
    [without('type'), /no type/],
    [without('mode'), /no mode/],
    [without('uid'), /no uid/],
    [without('gid'), /no gid/],
    [without('time'), /no time/],
    [without('size'), /no size/],
    [without('sha256digest'), /no digest/],
    [`${FILE} type=file`, /two types/],
    [`${FILE} mode=0644`, /two modes/],
    [`${FILE} uid=0`, /two owners/],
    [`${FILE} gid=0`, /two groups/],
    [`${FILE} size=1`, /two sizes/],
    [`${FILE} time=1.0`, /two times/],
    [`${FILE} sha256=${DIGEST.replace('e', 'f')}`, /two digests/],
    [`${FILE} tags=a tags=b`, /tags twice/],
    [FILE.replace('type=file', 'type=door'), /type=door/],
    [FILE.replace('0755', '0788'), /mode=0788/],
    [FILE.replace('0755', '10000'), /mode=10000/],
    [FILE.replace('0755', ''), /mode=/],
    [FILE.replace('uid=0', 'uid=4294967295'), /uid=4294967295/],
    [FILE.replace('uid=0', 'uid=-1'), /uid=-1/],
    [FILE.replace('gid=0', 'gid=0x0'), /gid=0x0/],
    [FILE.replace('3842160', '1e3'), /size=1e3/],
    [FILE.replace('3842160', '9007199254740993'), /size=9007199254740993/],
    [FILE.replace('3842160', '99999999999999999999'), /size=/],
    [FILE.replace('000000000 ', '1000000000 '), /time=/],
    [FILE.replace('1700000000.', '--5.'), /time=/],
    [FILE.replace('1700000000.', '.'), /time=/],
    [FILE.replace(DIGEST, DIGEST.toUpperCase()), /sha256digest=/],
    [FILE.replace(DIGEST, DIGEST.slice(1)), /sha256digest=/],
    [`${FILE} tags=hardlink:./a`, /without a count/],
    [`${FILE} nlink=2 tags=hardlink:./usr/bin/perl`, /later name/],
    [`${FILE} nlink=2 tags=hardlink:./usr/bin/zz`, /later name/],
    [`${FILE} nlink=2 tags=hardlink:./a,hardlink:./b`, /hard link twice/],
    [`${FILE} tags=xattr:user.b:AA==,xattr:user.a:AA==`, /out of order/],
    [`${FILE} tags=xattr:user.a:AA==,xattr:user.a:AA==`, /out of order/],
    [`${FILE} tags=xattr:user.a`, /malformed extended/],
    [`${FILE} tags=xattr::AA==`, /malformed extended/],
    [`${FILE} tags=xattr:user.a:AA=`, /malformed extended/],
    [`${FILE} tags=xattr:user.a:AB==`, /malformed extended/],
    [`./l type=link mode=0777 ${REST}`, /no link text/],
    [`./l type=link mode=0777 ${REST} link=`, /link text of 0/],
    [`./l type=link mode=0777 ${REST} link=${'x'.repeat(4096)}`, /link text of 4096/],
    [`./c type=char mode=0666 ${REST}`, /no device/],
    [`./c type=char mode=0666 ${REST} device=native,1`, /device=native,1/],
    [`./c type=char mode=0666 ${REST} device=solaris,1,3`, /device=solaris/],
    [`./d type=dir mode=0755 ${REST} tags=hardlink:./a`, /no regular file/],
    [`. type=link mode=0755 ${REST} link=a`, /root, and no directory/],
    [FILE.replace('./usr/bin/perl', '.'), /root, and no directory/],
  ]
  for (const [line, message] of cases) refuses(line, message)
})

test('other shapes of mtree texts are refused with what to do', () => {
  refuses('/set type=file uid=0 gid=0', /sets defaults.*mtree -C/)
  refuses('    perl type=file', /does not begin with ".\/".*mtree -C/)
  refuses('perl type=file mode=0755', /does not begin with ".\/".*mtree -C/)
  refuses('..', /does not begin/)
  refuses(`type=dir mode=0755 ${REST} ./a`, /path at the end.*mtree -C/)
})

test('a message never shows control characters of a line, nor all of a long one', () => {
  try {
    parseManifestLine(`./\x1b[2J${'x'.repeat(100_000)} type=dir`)
    assert.unreachable()
  } catch (error) {
    const { message } = error as Error
    assert.not.match(message, /\p{Cc}/u)
    assert.ok(message.length < 500, String(message.length))
  }
})

test('paths are ordered by their bytes, with the root before all', () => {
  const sorted = ['.', '!', '-', '.a', 'a', 'a-b', 'a.b', 'a/x', 'a0', 'b', 'b/-', '\x80', '\xff']
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries())
      assert.is(comparePaths(a, b), Math.sign(i - j), `${a} ${b}`)
  }
})

test.run()
