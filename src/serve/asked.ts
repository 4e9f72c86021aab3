/**
 * What a client asks for by its argument list: the options of stock clients from 3.2.7 on that matter to a
 * sender. Those that write, and those that we don't have, are refused in rsync's words; so is what nobody knows.
 * Options that come twice, or in the second list of `-s`, pass through the same table.
 */
import type { Path } from '../host.ts'
import { show } from '../text.ts'
import { RsyncRefusal } from './refusal.ts'

export interface Asked {
  /** What the client knows, after `e.`. */
  capabilities: string
  recursive: boolean
  /** Folders are listed though nothing is said of their content. */
  folders: boolean
  relative: boolean | undefined
  links: boolean
  hardLinks: boolean
  owners: boolean
  groups: boolean
  devices: boolean
  specials: boolean
  /** The list has the checksum of each file. */
  checksums: boolean
  dryRun: boolean
  compress: boolean
  /** As the client fixed them; undefined: to be negotiated. */
  checksumChoice: string | undefined
  compressChoice: string | undefined
  compressLevel: number | undefined
  seed: number
  numericIds: boolean
  /** 0: none. */
  timeoutSeconds: number
  /** 0: no cap. */
  kibibytesPerSecond: number
  inPlace: boolean
  /** 2: what is there already is checked, too. */
  append: 0 | 1 | 2
  filesFrom: boolean
  impliedFolders: boolean
  ignoresMissing: boolean
  sender: boolean
  /** The rest comes in a second list. */
  secluded: boolean
  /** As they came, after the dot. */
  paths: Path[]
  /** The first thing that is refused; the connection is set up before it is told. */
  refusal: RsyncRefusal | undefined
}

type Setting = (asked: Asked, value: string) => void

const nothing: Setting = () => {}

/** Letters of the cluster, without `e`. What is only the client's business does nothing here. */
const LETTERS: Record<string, Setting> = {
  v: nothing,
  q: nothing,
  b: nothing,
  u: nothing,
  n: (asked) => {
    asked.dryRun = true
  },
  l: (asked) => {
    asked.links = true
  },
  d: (asked) => {
    asked.folders = true
  },
  // Files travel whole if there are no sums.
  W: nothing,
  H: (asked) => {
    asked.hardLinks = true
  },
  o: (asked) => {
    asked.owners = true
  },
  g: (asked) => {
    asked.groups = true
  },
  D: (asked) => {
    asked.devices = true
    asked.specials = true
  },
  t: nothing,
  p: nothing,
  E: nothing,
  r: (asked) => {
    asked.recursive = true
  },
  c: (asked) => {
    asked.checksums = true
  },
  I: nothing,
  R: (asked) => {
    asked.relative = true
  },
  // Other file systems are never entered.
  x: nothing,
  S: nothing,
  z: (asked) => {
    asked.compress = true
  },
  s: (asked) => {
    asked.secluded = true
  },
}

/** Letters that are refused, with their long names. */
const LETTERS_REFUSED: Record<string, string> = {
  K: 'keep-dirlinks',
  m: 'prune-empty-dirs',
  O: 'omit-dir-times',
  J: 'omit-link-times',
  y: 'fuzzy',
  L: 'copy-links',
  k: 'copy-dirlinks',
  U: 'atimes',
  N: 'crtimes',
  A: 'acls',
  X: 'xattrs',
  C: 'cvs-exclude',
}

/** Long options without a value. */
const WORDS = new Map<string, Setting>(
  Object.entries<Setting>({
    server: nothing,
    sender: (asked) => {
      asked.sender = true
    },
    'new-compress': (asked) => {
      asked.compress = true
      asked.compressChoice = 'zlibx'
    },
    'old-compress': (asked) => {
      asked.compress = true
      asked.compressChoice = 'zlib'
    },
    'numeric-ids': (asked) => {
      asked.numericIds = true
    },
    inplace: (asked) => {
      asked.inPlace = true
    },
    append: (asked) => {
      asked.append = asked.append === 0 ? 1 : 2
    },
    specials: (asked) => {
      asked.specials = true
    },
    'no-specials': (asked) => {
      asked.specials = false
    },
    relative: (asked) => {
      asked.relative = true
    },
    'no-relative': (asked) => {
      asked.relative = false
    },
    'no-implied-dirs': (asked) => {
      asked.impliedFolders = false
    },
    'ignore-missing-args': (asked) => {
      asked.ignoresMissing = true
    },
    'list-only': (asked) => {
      asked.folders = true
    },
    dirs: (asked) => {
      asked.folders = true
    },
    // All lists that we read have names that end in NUL.
    from0: nothing,
    // Links are never followed here; which of them are safe is the client's to judge.
    'safe-links': nothing,
    'ignore-errors': nothing,
    'open-noatime': nothing,
    msgs2stderr: nothing,
    'no-msgs2stderr': nothing,
    stats: nothing,
  }),
)

/** Long options with a value, after `=` or as the next argument. */
const VALUES = new Map<string, Setting>(
  Object.entries<Setting>({
    timeout: (asked, value) => {
      asked.timeoutSeconds = number('timeout', value, 0, 86_400)
    },
    bwlimit: (asked, value) => {
      asked.kibibytesPerSecond = number('bwlimit', value, 0, 2 ** 31 - 1)
    },
    'checksum-choice': (asked, value) => {
      asked.checksumChoice = value
    },
    'compress-choice': (asked, value) => {
      asked.compress = value !== 'none'
      asked.compressChoice = value
    },
    'compress-level': (asked, value) => {
      asked.compressLevel = number('compress-level', value, -(2 ** 31), 2 ** 31 - 1)
    },
    'checksum-seed': (asked, value) => {
      asked.seed = number('checksum-seed', value, -(2 ** 31), 2 ** 31 - 1)
    },
    'files-from': (asked, value) => {
      // A list that lies here would have to be read from a module.
      if (value !== '-') throw refused('files-from')
      asked.filesFrom = true
    },
    'skip-compress': nothing,
    'max-alloc': nothing,
    'modify-window': nothing,
    info: nothing,
    debug: nothing,
    'log-format': nothing,
  }),
)

/** What would write, remove or follow, and what the list or the records would need more for. */
const REFUSED = new Set(
  [
    'remove-source-files remove-sent-files delete delete-before delete-during delete-after',
    'delete-delay delete-excluded delete-missing-args max-delete min-size max-size force super',
    'size-only partial partial-dir delay-updates usermap groupmap ignore-existing existing temp-dir',
    'fsync compare-dest copy-dest link-dest preallocate mkpath write-devices copy-devices',
    'only-write-batch backup-dir suffix iconv copy-unsafe-links insecure-links fake-super',
    'log-file daemon config',
  ].flatMap((line) => line.split(' ')),
)

/** Reads a list of arguments into what is there from an earlier one. */
export function readArguments(words: readonly Path[], asked = nothingAsked()): Asked {
  const dot = words.indexOf('.')
  const plain = dot < 0 ? words : words.slice(0, dot)
  // In the second list nothing is escaped.
  const options = asked.secluded ? plain : plain.map(unescaped)
  asked.paths.push(...(dot < 0 ? [] : words.slice(dot + 1)))
  for (let i = 0; i < options.length; i++) {
    const word = options[i] as string
    try {
      const [, name = '', , value] = /^--([^=]+)(=([\s\S]*))?$/.exec(word) ?? []
      const setting = value === undefined ? WORDS.get(name) : undefined
      const valued = VALUES.get(name)
      if (name === '') readLetters(asked, word)
      else if (valued) valued(asked, value ?? options[++i] ?? '')
      else if (setting) setting(asked, '')
      else throw REFUSED.has(name) ? refused(name) : unknown(`--${name}`)
    } catch (error) {
      if (!(error instanceof RsyncRefusal)) throw error
      asked.refusal ??= error
    }
  }
  return asked
}

function nothingAsked(): Asked {
  return {
    capabilities: '',
    recursive: false,
    folders: false,
    relative: undefined,
    links: false,
    hardLinks: false,
    owners: false,
    groups: false,
    devices: false,
    specials: false,
    checksums: false,
    dryRun: false,
    compress: false,
    checksumChoice: undefined,
    compressChoice: undefined,
    compressLevel: undefined,
    seed: 0,
    numericIds: false,
    timeoutSeconds: 0,
    kibibytesPerSecond: 0,
    inPlace: false,
    append: 0,
    filesFrom: false,
    impliedFolders: true,
    ignoresMissing: false,
    sender: false,
    secluded: false,
    paths: [],
    refusal: undefined,
  }
}

function readLetters(asked: Asked, word: string): void {
  if (!/^-[^-]/.test(word)) throw unknown(word)
  // A block size is the client's business: its sums say it.
  if (/^-B[0-9]+$/.test(word)) return
  let refusal: RsyncRefusal | undefined
  for (const [i, letter] of [...word].entries()) {
    if (i === 0) continue
    if (letter === 'e') {
      asked.capabilities = word.slice(i + 1).replace(/^[0-9.]*/, '')
      break
    }
    const setting = LETTERS[letter]
    const name = LETTERS_REFUSED[letter]
    if (setting) setting(asked, '')
    else refusal ??= name === undefined ? unknown(`-${letter}`) : refused(name, letter)
  }
  if (refusal) throw refusal
}

function number(name: string, value: string, lowest: number, highest: number): number {
  const found = /^-?[0-9]{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (found >= lowest && found <= highest) return found
  throw new RsyncRefusal(`on remote machine: --${name}=${show(value)}: invalid numeric value`, 4)
}

function refused(name: string, letter?: string): RsyncRefusal {
  const short = letter === undefined ? '' : ` (-${letter})`
  return new RsyncRefusal(`The server is configured to refuse --${name}${short}`, 4)
}

function unknown(word: string): RsyncRefusal {
  return new RsyncRefusal(`on remote machine: ${show(word)}: unknown option`, 4)
}

/** Clients from 3.2.4 on put a backslash before what is special to a shell. */
function unescaped(word: string): string {
  return word.replace(/\\([\s\S])/g, '$1')
}
