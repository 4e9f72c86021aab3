/**
 * What stock clients ask servers for, as a table: the words that people type, and what they have from before.
 * None says what must come of it: that is whatever a stock daemon of the newest release does.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LARGE, makeOlder } from './tree-of-everything.ts'

export interface Case {
  title: string
  /** Without the source and the target. */
  words: string[]
  /** Paths below the module; its root if there are none. */
  paths?: string[]
  /** What the target holds before; the folder does not exist yet. */
  before?: (target: string) => void
  /** Files beside the target that the words name as `@NAME`. */
  files?: Record<string, string>
  /** Only a listing is asked for. */
  lists?: boolean
  /** Exit status where it isn't 0. */
  status?: number
}

const older = { before: makeOlder }

/** Half of a file, where `--partial-dir` looks for it. */
function half(target: string): void {
  makeOlder(target)
  mkdirSync(join(target, '.partial'))
  writeFileSync(join(target, '.partial/large'), LARGE.subarray(0, 350_000))
}

/** Blocks that are all there, but at other places. */
function shuffled(target: string): void {
  makeOlder(target)
  const moved = [LARGE.subarray(300_000), LARGE.subarray(0, 300_000)]
  writeFileSync(join(target, 'large'), Buffer.concat(moved))
}

const NAMES = ['latest', 'sort/a', 'strange/a b', 'link', 'owned', 'gone', 'large']
const from = (text: string) => ({ files: { names: text } })

export const CASES: Case[] = [
  { title: 'everything', words: ['-a'] },
  { title: 'everything as one list', words: ['-a', '--no-inc-recursive'] },
  { title: 'hard links', words: ['-aH'] },
  { title: 'hard links as one list', words: ['-aH', '--no-inc-recursive'] },
  { title: 'owners by number', words: ['-aH', '--numeric-ids'] },
  { title: 'neither owners nor devices', words: ['-rlt'] },
  { title: 'groups without owners', words: ['-rltpg'] },
  { title: 'devices without specials', words: ['-rlptgo', '--devices'] },
  { title: 'neither links nor times', words: ['-r'] },
  { title: 'over what is there', words: ['-aH'], ...older },
  { title: 'over what is there, as whole files', words: ['-aW'], ...older },
  { title: 'with zstd', words: ['-aHz', '--zc=zstd'], ...older },
  { title: 'with zlibx', words: ['-aHz', '--zc=zlibx'], ...older },
  { title: 'with no compression, by its name', words: ['-aH', '--zc=none'], ...older },
  { title: 'with the best that both know', words: ['-az', '--zl=9'], ...older },
  { title: 'with --new-compress', words: ['-a', '--new-compress'], ...older },
  {
    title: 'from a list',
    words: ['-a', '--files-from=@names'],
    ...from(NAMES.join('\n')),
    status: 23,
  },
  {
    title: 'from a list, with what is below',
    words: ['-ar', '--files-from=@names', '--from0'],
    ...from('sort.d\0strange/n\nl\0./latest\0sort-of-links\0'),
  },
  {
    title: 'from a list, by protocol 30',
    words: ['-a', '--files-from=@names', '--protocol=30'],
    ...from('latest\nsort/a\n'),
  },
  {
    title: 'from a list over what is there, with zstd',
    words: ['-az', '--files-from=@names'],
    ...from('large\ntext\nzeros\n'),
    ...older,
  },
  {
    title: 'from a list without what is above',
    words: ['-a', '--no-relative', '--files-from=@names'],
    ...from('sort/a\nowned\nlatest\n'),
  },
  { title: 'a listing', words: ['--list-only', '-r'], lists: true },
  { title: 'a listing of the top alone', words: ['--list-only'], lists: true },
  { title: 'a listing of one file', words: ['--list-only'], paths: ['latest'], lists: true },
  { title: 'a listing with links', words: ['--list-only', '-aH'], lists: true },
  { title: 'by checksum', words: ['-ac'], before: sameButForContent },
  { title: 'by checksum, md5', words: ['-ac', '--cc=md5'], before: sameButForContent },
  {
    title: 'by checksum, old protocol',
    words: ['-ac', '--protocol=30'],
    before: sameButForContent,
  },
  { title: 'a dry run', words: ['-an', '-i'], ...older },
  { title: 'partial files that resume', words: ['-a', '--partial'], ...older },
  { title: 'a folder of partial files', words: ['-a', '--partial-dir=.partial'], before: half },
  { title: 'in place', words: ['-a', '--inplace'], ...older },
  { title: 'in place, blocks elsewhere', words: ['-a', '--inplace', '-I'], before: shuffled },
  { title: 'blocks elsewhere', words: ['-a', '-I'], before: shuffled },
  { title: 'small blocks', words: ['-a', '-B512'], ...older },
  { title: 'large blocks', words: ['-a', '-B131072'], ...older },
  { title: 'fuzzy', words: ['-a', '--fuzzy'], ...older },
  { title: 'with deletions', words: ['-a', '--delete'], before: withMore },
  { title: 'with deletions at the end', words: ['-a', '--delete-after'], before: withMore },
  { title: 'delayed updates', words: ['-a', '--delay-updates'], ...older },
  ...[30, 31].flatMap((protocol) => [
    { title: `protocol ${protocol}`, words: ['-aH', `--protocol=${protocol}`], ...older },
    {
      title: `protocol ${protocol}, zlibx`,
      words: ['-az', '--zc=zlibx', `--protocol=${protocol}`],
      ...older,
    },
  ]),
  ...['xxh128', 'xxh3', 'xxh64', 'md5'].map((checksum) => ({
    title: `checksum ${checksum}`,
    words: ['-a', `--cc=${checksum}`],
    ...older,
  })),
  { title: 'a seed of its own', words: ['-a', '--checksum-seed=4711'], ...older },
  {
    title: 'arguments apart from the command',
    words: ['-a', '-s'],
    paths: ['strange/a b', 'sort'],
  },
  { title: 'one file', words: ['-a'], paths: ['large'], ...older },
  { title: 'several paths', words: ['-a'], paths: ['latest', 'sort/', 'strange'] },
  { title: 'a path that is missing', words: ['-a'], paths: ['latest', 'gone'], status: 23 },
  { title: 'wildcards', words: ['-a'], paths: ['sort*', 'l*t', 'strange/[#;]?'] },
  { title: 'relative paths', words: ['-aR'], paths: ['sort.d/a', 'strange/./a*'] },
  { title: 'relative, no implied folders', words: ['-aR', '--no-implied-dirs'], paths: ['sort/a'] },
  { title: 'folders only', words: ['-d', '-ptog'], paths: [''] },
  { title: 'excluded', words: ['-a', '--exclude=/sort*/', '--exclude=*.d', '--exclude=a?b'] },
  { title: 'included', words: ['-a', '--include=/sort/***', '--include=l[ai]*', '--exclude=*'] },
  { title: 'excluded by their end', words: ['-a', '--exclude=strange/*l', '--exclude=**/e*/'] },
  { title: 'no empty folders', words: ['-am', '--include=*/', '--include=a', '--exclude=*'] },
  { title: 'one file system', words: ['-ax'] },
  { title: 'links that leave are left out', words: ['-a', '--safe-links'] },
  { title: 'a time-out, and a rate', words: ['-a', '--timeout=30', '--bwlimit=50000'] },
  { title: 'words about everything', words: ['-avv', '--stats', '-i'], ...older },
]

/** Sizes and times of the server's, content of our own. */
function sameButForContent(target: string): void {
  makeOlder(target)
  const same = Buffer.from(LARGE)
  same[350_000] = (same[350_000] ?? 0) ^ 1
  writeFileSync(join(target, 'large'), same)
}

function withMore(target: string): void {
  makeOlder(target)
  makeOlder(join(target, 'more'))
  mkdirSync(join(target, 'sort'))
  writeFileSync(join(target, 'sort/extra'), 'not on the server')
}
