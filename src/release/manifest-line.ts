/**
 * One line of a manifest, both ways (docs/FORMATS.md). Staging parses each line that differs, and
 * publishing writes each line. It runs on QuickJS for tens of thousands of lines, so it splits and
 * looks up rather than matching whole lines. It must never let a path leave the tree.
 */
import { TrustError } from '../errors.ts'
import type { Path, Time, Xattr } from '../host.ts'
import { NAME_LENGTH_MAX, PATH_LENGTH_MAX } from '../limits.ts'
import { show } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { escapeTag, escapeWord, unescapeWord } from './manifest-escape.ts'

type EntryType = 'file' | 'dir' | 'link' | 'char' | 'block' | 'fifo' | 'socket'

export interface Entry {
  /** Below the tree, without `./`; `.` is the root. */
  path: Path
  type: EntryType
  /** 0..0o7777 */
  mode: number
  uid: number
  gid: number
  /** Bytes of a regular file, otherwise 0. */
  size: number
  modified: Time
  /** The text of a symlink, else ''. */
  link: Path
  /** Of a device node, else 0. */
  major: number
  minor: number
  /** SHA-256 of a regular file: 64 lower-case hex digits; else ''. */
  digest: string
  /** Names that a regular file has in the tree, else 1. */
  links: number
  /** The first name of the hard link group, on its later names. */
  hardLinkTo: Path | undefined
  /** Sorted by name. */
  xattrs: Xattr[]
}

/** chown(2) takes 2^32 - 1 for "leave it". */
const ID_MAX = 0xffff_fffe
const DEVICE_PART_MAX = 0xffff_ffff
const DIGEST = /^[0-9a-f]{64}$/

/** Order of a manifest: the bytes of the path, and the root before all. */
export function comparePaths(a: Path, b: Path): number {
  if (a === b) return 0
  if (a === '.') return -1
  if (b === '.') return 1
  // The units of a byte string are its bytes, and < compares units.
  return a < b ? -1 : 1
}

/** Throws a TrustError that says what is wrong with the line. */
export function parseManifestLine(line: string): Entry {
  const words = line.split(' ')
  const first = words[0] as string
  const entry: Entry = {
    path: parsePath(first, line),
    type: 'file',
    mode: -1,
    uid: -1,
    gid: -1,
    size: -1,
    modified: NO_TIME,
    link: '',
    major: -1,
    minor: -1,
    digest: '',
    links: -1,
    hardLinkTo: undefined,
    xattrs: NO_XATTRS,
  }
  let type: string | undefined
  for (let i = 1; i < words.length; i++) {
    const word = words[i] as string
    const equals = word.indexOf('=')
    if (equals < 0) continue
    const keyword = word.slice(0, equals)
    const value = word.slice(equals + 1)
    if (keyword === 'type') type = type === undefined ? value : refuse(line, 'has two types')
    else parseKeyword(entry, keyword, value, line)
  }
  return complete(entry, type, line)
}

const NO_TIME: Time = { seconds: Number.NaN, nanoseconds: 0 }
const NO_XATTRS: Xattr[] = []

function refuse(line: string, what: string): never {
  const space = line.indexOf(' ')
  const name = space < 0 ? line : line.slice(0, space)
  throw new TrustError(
    `manifest: entry "${show(name.length > 200 ? `${name.slice(0, 200)}…` : name)}" ${what}`,
  )
}

/** Keywords that are not ours are skipped: bsdtar writes user names, flags and others. */
function parseKeyword(entry: Entry, keyword: string, value: string, line: string): void {
  switch (keyword) {
    case 'mode':
      if (entry.mode >= 0) refuse(line, 'has two modes')
      entry.mode = octal(value)
      if (!(entry.mode >= 0 && entry.mode <= 0o7777)) refuse(line, `has mode=${show(value)}`)
      return
    case 'uid':
      if (entry.uid >= 0) refuse(line, 'has two owners')
      entry.uid = number(value, ID_MAX, keyword, line)
      return
    case 'gid':
      if (entry.gid >= 0) refuse(line, 'has two groups')
      entry.gid = number(value, ID_MAX, keyword, line)
      return
    case 'size':
      if (entry.size >= 0) refuse(line, 'has two sizes')
      entry.size = number(value, Number.MAX_SAFE_INTEGER, keyword, line)
      return
    case 'time':
      if (entry.modified !== NO_TIME) refuse(line, 'has two times')
      entry.modified = parseTime(value, line)
      return
    case 'sha256digest':
    case 'sha256':
      if (!DIGEST.test(value)) refuse(line, `has ${keyword}=${show(value)}`)
      if (entry.digest !== '' && entry.digest !== value) refuse(line, 'has two digests')
      entry.digest = value
      return
    case 'link':
      if (entry.link !== '') refuse(line, 'has two link texts')
      entry.link = unescapeWord(value) ?? refuse(line, `has link=${show(value)}`)
      if (entry.link === '' || entry.link.length > PATH_LENGTH_MAX) {
        refuse(
          line,
          `has a link text of ${entry.link.length} bytes; allowed: 1 to ${PATH_LENGTH_MAX}`,
        )
      }
      return
    case 'device':
      if (entry.major >= 0) refuse(line, 'has two device numbers')
      parseDevice(entry, value, line)
      return
    case 'nlink':
      if (entry.links >= 0) refuse(line, 'has two counts of links')
      entry.links = number(value, DEVICE_PART_MAX, keyword, line)
      return
    case 'tags':
      if (entry.xattrs !== NO_XATTRS) refuse(line, 'has tags twice')
      parseTags(entry, value, line)
  }
}

/** Checks that everything the type needs is there, and drops what means nothing for it. */
function complete(entry: Entry, type: string | undefined, line: string): Entry {
  if (entry.mode < 0) refuse(line, 'has no mode')
  if (entry.uid < 0) refuse(line, 'has no uid')
  if (entry.gid < 0) refuse(line, 'has no gid')
  if (entry.modified === NO_TIME) refuse(line, 'has no time')
  if (entry.xattrs === NO_XATTRS) entry.xattrs = []
  if (type === 'file') {
    if (entry.path === '.') refuse(line, 'is the root, and no directory')
    if (entry.size < 0) refuse(line, 'has no size')
    if (entry.digest === '') refuse(line, 'has no digest')
    if (entry.links < 1) entry.links = 1
    if (entry.hardLinkTo !== undefined) {
      if (entry.links < 2) refuse(line, 'is a hard link without a count of links')
      if (!(entry.hardLinkTo < entry.path)) refuse(line, 'is a hard link to a later name')
    }
  } else {
    if (entry.hardLinkTo !== undefined) refuse(line, 'is a hard link, and no regular file')
    if (entry.path === '.' && type !== 'dir') refuse(line, 'is the root, and no directory')
    entry.size = 0
    entry.digest = ''
    entry.links = 1
  }
  if (type !== 'link') entry.link = ''
  else if (entry.link === '') refuse(line, 'has no link text')
  if (type !== 'char' && type !== 'block') entry.major = entry.minor = 0
  else if (entry.major < 0) refuse(line, 'has no device number')
  entry.type = knownType(type, line)
  return entry
}

function knownType(type: string | undefined, line: string): EntryType {
  switch (type) {
    case 'file':
    case 'dir':
    case 'link':
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
      return type
    case undefined:
      return refuse(line, 'has no type')
    default:
      return refuse(line, `has type=${show(type)}`)
  }
}

/** Digits of a base and nothing else, at most `lengthMax` of them; else -1. */
function digits(text: string, base: 8 | 10, lengthMax: number): number {
  const length = text.length
  if (length === 0 || length > lengthMax) return -1
  let value = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit >= base) return -1
    value = value * base + digit
  }
  return value
}

function decimal(text: string): number {
  return digits(text, 10, 16)
}

function octal(text: string): number {
  return digits(text, 8, 8)
}

function number(value: string, max: number, keyword: string, line: string): number {
  const result = decimal(value)
  if (result < 0 || result > max) {
    refuse(line, `has ${keyword}=${show(value)}; allowed: 0 to ${max}`)
  }
  return result
}

/** Both dialects count nanoseconds after the dot: `5.7` is 7 ns past 5, as is `5.000000007`. */
function parseTime(value: string, line: string): Time {
  const point = value.indexOf('.')
  const whole = point < 0 ? value : value.slice(0, point)
  const negative = whole.charCodeAt(0) === 0x2d
  const seconds = decimal(negative ? whole.slice(1) : whole)
  const nanoseconds = point < 0 ? 0 : decimal(value.slice(point + 1))
  if (
    seconds < 0 ||
    seconds > Number.MAX_SAFE_INTEGER ||
    nanoseconds < 0 ||
    nanoseconds > 999999999
  ) {
    refuse(line, `has time=${show(value)}`)
  }
  return { seconds: negative && seconds > 0 ? -seconds : seconds, nanoseconds }
}

/** `native,MAJOR,MINOR`, or the whole number of Linux as NetBSD's mtree writes it. */
function parseDevice(entry: Entry, value: string, line: string): void {
  const parts = value.split(',')
  if (parts.length === 3 && (parts[0] === 'native' || parts[0] === 'linux')) {
    entry.major = number(parts[1] as string, DEVICE_PART_MAX, 'device', line)
    entry.minor = number(parts[2] as string, DEVICE_PART_MAX, 'device', line)
    return
  }
  if (!/^(0x[0-9a-f]{1,16}|[0-9]{1,19})$/.test(value)) refuse(line, `has device=${show(value)}`)
  // Linux: MMMM Mmmm mmmM MMmm in nibbles of 12 bits of major around 8 of minor, rest above.
  const whole = BigInt(value)
  entry.major = Number(((whole >> 8n) & 0xfffn) | ((whole >> 32n) & 0xfffff000n))
  entry.minor = Number((whole & 0xffn) | ((whole >> 12n) & 0xffffff00n))
}

function parseTags(entry: Entry, value: string, line: string): void {
  entry.xattrs = []
  for (const word of value.split(',')) {
    if (word.startsWith('hardlink:')) {
      if (entry.hardLinkTo !== undefined) refuse(line, 'is a hard link twice')
      entry.hardLinkTo = parsePath(word.slice(9), line)
      if (entry.hardLinkTo === '.') refuse(line, 'is a hard link to the root')
    } else if (word.startsWith('xattr:')) {
      entry.xattrs.push(parseXattr(word, line))
    }
  }
  for (let i = 1; i < entry.xattrs.length; i++) {
    if (!((entry.xattrs[i - 1] as Xattr).name < (entry.xattrs[i] as Xattr).name)) {
      refuse(line, 'has extended attributes out of order')
    }
  }
}

function parseXattr(word: string, line: string): Xattr {
  const colon = word.indexOf(':', 6)
  const name = colon < 0 ? undefined : unescapeWord(word.slice(6, colon))
  const value = colon < 0 ? undefined : decodeBase64(word.slice(colon + 1))
  if (name === undefined || name === '' || name.length > NAME_LENGTH_MAX || value === undefined) {
    return refuse(line, `has the malformed extended attribute "${show(word.slice(0, 200))}"`)
  }
  return { name, value }
}

function parsePath(word: string, line: string): Path {
  if (word === '.') return word
  if (!word.startsWith('./')) refuseShape(word, line)
  const path = unescapeWord(word.slice(2))
  if (path === undefined) return refuse(line, 'has a malformed escape or a NUL in its path')
  if (path === '' || path.length > PATH_LENGTH_MAX) {
    refuse(line, `has a path of ${path.length} bytes; allowed: 1 to ${PATH_LENGTH_MAX}`)
  }
  // Most paths hold neither of these, and need no look at each name.
  if (
    path.length > NAME_LENGTH_MAX ||
    path.charCodeAt(0) === 0x2e ||
    path.charCodeAt(0) === 0x2f ||
    path.charCodeAt(path.length - 1) === 0x2f ||
    path.includes('/.') ||
    path.includes('//')
  ) {
    checkNames(path, line)
  }
  return path
}

function checkNames(path: Path, line: string): void {
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') {
      refuse(line, `has a path with the name "${name}" in it`)
    }
    if (name.length > NAME_LENGTH_MAX) {
      refuse(line, `has a name of ${name.length} bytes; at most ${NAME_LENGTH_MAX} allowed`)
    }
  }
}

/** Other shapes of mtree(5) texts, with what to do about them. */
function refuseShape(word: string, line: string): never {
  if (word.startsWith('/set') || word.startsWith('/unset')) {
    refuse(line, 'sets defaults for other lines; "mtree -C" writes each entry in full')
  }
  if (word.includes('=')) refuse(line, 'has its path at the end; "mtree -C" writes it first')
  return refuse(line, 'has a path that does not begin with "./"; "mtree -C" writes full paths')
}

/** The line without newline. The entry has to be valid; `parseManifestLine` reads it back as it was. */
export function formatManifestLine(entry: Entry): string {
  const path = entry.path === '.' ? '.' : `./${escapeWord(entry.path)}`
  const type = entry.type
  let line = `${path} type=${type} mode=${entry.mode.toString(8).padStart(4, '0')}`
  line += ` uid=${entry.uid} gid=${entry.gid}`
  if (type === 'file') line += ` size=${entry.size}`
  line += ` time=${entry.modified.seconds}.${String(entry.modified.nanoseconds).padStart(9, '0')}`
  if (type === 'link') line += ` link=${escapeWord(entry.link)}`
  if (type === 'char' || type === 'block') line += ` device=native,${entry.major},${entry.minor}`
  if (type === 'file') {
    line += ` sha256digest=${entry.digest}`
    if (entry.links > 1) line += ` nlink=${entry.links}`
  }
  if (entry.hardLinkTo === undefined && entry.xattrs.length === 0) return line
  const tags = entry.hardLinkTo === undefined ? [] : [`hardlink:./${escapeTag(entry.hardLinkTo)}`]
  for (const { name, value } of entry.xattrs) {
    tags.push(`xattr:${escapeTag(name)}:${encodeBase64(value)}`)
  }
  return `${line} tags=${tags.join(',')}`
}
