/**
 * What is fuzzed, one entry each. A C target is a file `test/fuzz/NAME.c` and a line here; of another kind
 * is whatever has the same form, made by a file of its own beside libfuzzer.mjs and added to the list below.
 *
 * @typedef {object} FuzzTarget
 * @property {string} name also that of its folder below `.cache/fuzz`, and of its finds in `test/fuzz/finds`
 * @property {string} about whose bytes they are, and what reads them
 * @property {(wish: { seconds: number, seed?: number }) => Promise<Outcome>} run replays the finds that are kept, then
 *   goes on with its corpus for so long, or until something is found
 * @property {(file: string) => Promise<{ fine: boolean, said: string }>} replay one input, once
 *
 * @typedef {object} Outcome
 * @property {number} executions
 * @property {number} seconds that the processor worked for it
 * @property {string} coverage in whatever the kind counts
 * @property {{ file: string, said: string }[]} finds the input, and what was said of it
 */
import { CTarget } from './libfuzzer.mjs'
import { PropertyTarget } from './properties.mjs'

const MANIFEST_WORDS = [
  ...'type= mode= uid= gid= size= time= sha256digest= link= nlink= tags= device= sha256='.split(
    ' ',
  ),
  ...'file dir link char block fifo socket hardlink: xattr: native,8,1 ./ . .. \\040 \\M-a \\^A'.split(
    ' ',
  ),
]

const PATH_WORDS = ['a', 'b', 'c', 'file', 'in', 'up', 'out', 'link', '/', '..', '.', 'a/', 'a/b/']

/** @type {{ name: string, about: string, lengthMax?: number, words?: string[] }[]} */
const C_ENTRIES = [
  {
    name: 'file-list',
    about: 'file lists of a source (native/delta)',
    lengthMax: 20_000,
    words: ['..', '../', '/', './', '//'],
  },
  { name: 'sending', about: 'block sums of a client, and the file it asks for (native/sending)' },
  { name: 'rebuild-plain', about: 'tokens of a source, not compressed (native/delta)' },
  { name: 'rebuild-zlibx', about: 'the same, compressed by zlib' },
  { name: 'rebuild-zstd', about: 'the same, compressed by zstd' },
  { name: 'block-sums', about: 'sum heads, and a basis of any content (native/delta)' },
  { name: 'manifest-line', about: 'lines of a manifest (native/trees)', words: MANIFEST_WORDS },
  { name: 'manifest-words', about: 'their escapes, numbers, digits', words: MANIFEST_WORDS },
  { name: 'manifest', about: 'whole manifests, side by side', words: MANIFEST_WORDS },
  { name: 'tree', about: 'trees built and verified by a manifest', words: MANIFEST_WORDS },
  {
    name: 'paths',
    about: 'paths below a folder (native/files)',
    lengthMax: 300,
    words: PATH_WORDS,
  },
  { name: 'pack', about: 'packs (native/packs)', words: MANIFEST_WORDS },
  { name: 'predict', about: 'what packs say of programs and modules' },
  { name: 'hashes', about: 'content of any kind, in pieces (native/checksums)' },
  { name: 'signatures', about: 'keys, signatures, messages (native/signatures)', lengthMax: 300 },
  { name: 'byte-strings', about: 'names, into JavaScript and back (runtime/host)' },
  { name: 'addresses', about: 'senders of datagrams, answers of look-ups (native/sockets)' },
  { name: 'outside', about: 'what the confined half asks for (native/processes)' },
  { name: 'mount-lines', about: 'where something is mounted (native/confinement)', lengthMax: 300 },
]

export const C_TARGETS = C_ENTRIES.map((entry) => new CTarget(entry))

/** Files of properties; C has no part in what they read. */
const PROPERTY_TARGETS = [
  { name: 'wire', about: 'numbers, frames and greetings of an rsync daemon (src/rsync)' },
  { name: 'statements', about: 'keys, signed statements, chains (src/release)' },
  { name: 'manifest-text', about: 'manifests, as TypeScript reads them (src/release)' },
  {
    name: 'home',
    about: 'HTTP, replies, questions, pushes, policies, DHCP (src/call-home, src/home)',
  },
  { name: 'neighbours', about: 'what neighbours ask and answer (src/peers)' },
  { name: 'machine', about: 'what an early boot reads: the kernel, disks, programs (src/boot)' },
  { name: 'records', about: 'the configuration, the state, the log of calls, the text exit' },
  { name: 'replays', about: 'recorded sessions, altered and played to the client (src/rsync)' },
  {
    name: 'sessions',
    about: 'whole upgrades from an altered daemon or stick, by the program under the sanitizers',
    programs: true,
  },
  {
    name: 'program',
    about: 'altered stores, configurations, leases, replies, requests, packets: the same program',
    programs: true,
  },
].map((entry) => new PropertyTarget(entry))

/** @type {FuzzTarget[]} */
export const TARGETS = [...C_TARGETS, ...PROPERTY_TARGETS]
