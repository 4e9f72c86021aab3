/** What a command is, and the options that many of them take. The table of all is in `commands.ts`. */
import type { Wish } from '../device/confinement.ts'
import type { Context } from './context.ts'
import type { Option, Values } from './options.ts'

export interface Command {
  name: string
  /** One line of the general help. */
  summary: string
  /** Paragraphs of its own help. */
  about: string
  options: Option[]
  /** Reads and writes what only root can: checked before it starts. */
  needsRoot: boolean
  /** Of one that reads over a store what others wrote: it is confined first, to this and to what all of them need. */
  confined?(values: Values): Wish
  /** Returns the exit status. */
  run(context: Context): Promise<number>
}

export const HELP: Option = { name: '--help', help: 'print this and stop' }
export const DEBUG: Option = {
  name: '--debug',
  help: 'on an internal error, print where it happened',
}
const JSON_LINES: Option = {
  name: '--json',
  help: 'write progress and result to stdout as JSON lines',
}
const CONFIG: Option = {
  name: '--config',
  value: 'FILE',
  help: 'configuration (default: /etc/xo-upgrade.conf)',
}
const STORE: Option = {
  name: '--store',
  value: 'DIR',
  help: 'the store (default: /xo)',
}
export const KEYS: Option = {
  name: '--keys',
  value: 'PATH',
  help: 'a public key, or a folder with release*.pub (default: /etc/xo-upgrade/keys)',
}
export const SOURCE: Option = {
  name: '--source',
  value: 'URL',
  repeated: true,
  help: 'rsync://HOST/MODULE, ssh://USER@HOST/MODULE, file:///FOLDER; repeatable',
}
const BWLIMIT: Option = {
  name: '--bwlimit',
  value: 'KIB',
  help: 'receive at most this many KiB per second (0: no cap)',
}
const NO_PACKS: Option = {
  name: '--no-packs',
  help: 'fetch file by file, even where a pack has fewer bytes',
}
const PASSWORD_FILE: Option = {
  name: '--password-file',
  value: 'FILE',
  help: "the daemon's password (default: the variable RSYNC_PASSWORD)",
}

/** Of every command over a store. */
export const STORE_OPTIONS: Option[] = [CONFIG, STORE, JSON_LINES, DEBUG, HELP]
/** Of those that prove what is there. */
export const TRUST_OPTIONS: Option[] = [KEYS, ...STORE_OPTIONS]
/** Of those that fetch. */
export const FETCH_OPTIONS: Option[] = [
  SOURCE,
  BWLIMIT,
  NO_PACKS,
  KEYS,
  PASSWORD_FILE,
  ...STORE_OPTIONS,
]
/** Of those that work without a store. */
export const PLAIN_OPTIONS: Option[] = [JSON_LINES, DEBUG, HELP]
