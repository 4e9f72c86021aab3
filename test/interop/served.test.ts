// deadline: 20 minutes
/** Our own daemon against every stock client of the field: whole trees, deltas, compressions, lists, refusals. */
import { execFile } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { OfferedModule } from '../../src/serve/offering.ts'
import type { ServeOptions } from '../../src/serve/serve.ts'
import { deadline } from '../support/deadline.ts'
import { scratch } from '../support/scratch.ts'
import { moduleOf, startServing } from '../support/serving.ts'
import { type Rsync, stockRsyncs } from '../support/stock-rsync.ts'
import { test } from '../support/suite.ts'

interface Ended {
  code: number
  stdout: string
  stderr: string
}

/** Text that compresses, and that no block repeats. */
function words(length: number, seed: number): Buffer {
  const content = Buffer.alloc(length)
  let random = seed
  for (let at = 0; at < length; at++) {
    random = (random * 48_271) % 0x7fffffff
    content[at] = 97 + (random % 7)
  }
  return content
}

const TEXT = words(300_000, 7)
const CHANGED = Buffer.concat([
  TEXT.subarray(0, 100_001),
  Buffer.from('changed'),
  TEXT.subarray(99_000),
])

function makeModule(): string {
  const folder = scratch('served')
  for (const under of ['42/root/etc/empty', '42/root/usr/lib']) {
    mkdirSync(join(folder, under), { recursive: true })
  }
  const lib = join(folder, '42/root/usr/lib')
  writeFileSync(join(folder, 'latest'), 'kind=release\n')
  writeFileSync(join(folder, '42/root/etc/nothing'), '')
  writeFileSync(join(lib, 'text'), TEXT)
  writeFileSync(join(lib, 'large'), words(2_000_000, 11))
  for (const name of ['a b', 'n\nl', '-z', 'st*r', '[b]', 'back\\slash', 'ü']) {
    writeFileSync(join(lib, name), `I am ${name}`)
  }
  linkSync(join(lib, 'text'), join(lib, 'text-again'))
  symlinkSync('text', join(lib, 'link'))
  symlinkSync('../../../../../etc/passwd', join(lib, 'out'))
  chmodSync(join(lib, 'a b'), 0o4711)
  utimesSync(join(lib, 'text'), 1_600_000_000.25, 1_600_000_000.25)
  utimesSync(join(folder, '42/root/etc'), 1_500_000_000, 1_500_000_000)
  return folder
}

/** What a tree comes to: name, kind, mode, time, content, links. */
function described(folder: string, options: { links?: boolean } = {}): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return names.map((name) => {
    const path = join(folder, name)
    const stat = lstatSync(path)
    const links = options.links && stat.isFile() ? ` ${stat.nlink}` : ''
    const content = stat.isFile()
      ? readFileSync(path).toString('latin1')
      : stat.isSymbolicLink()
        ? readlinkSync(path)
        : ''
    const seconds = stat.isSymbolicLink() ? '' : ` ${Math.floor(stat.mtimeMs / 1000)}`
    return `${name} ${stat.mode.toString(8)}${links}${seconds} ${content}`
  })
}

function runRsync({ program }: Rsync, words: string[], input = ''): Promise<Ended> {
  return deadline(
    new Promise((resolve) => {
      const child = execFile(
        program,
        words,
        { encoding: 'latin1', env: { ...process.env, RSYNC_PASSWORD: 'secret' } },
        (error, stdout, stderr) => {
          resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
        },
      )
      // A client that wants no names may be gone.
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
    }),
    60_000,
  )
}

const FOLDER = makeModule()
const rsyncs = await stockRsyncs()

type Client = (words: string[], target?: string, input?: string) => Promise<Ended>

/** Runs once with each client; `client` runs it with the module's address as `@` in its words. */
function each(
  title: string,
  run: (client: Client, version: string) => Promise<void>,
  more: { module?: Partial<OfferedModule>; options?: Partial<ServeOptions> } = {},
): void {
  test(title, async () => {
    for (const rsync of rsyncs) {
      const serving = startServing([{ ...moduleOf(FOLDER), ...more.module }], more.options)
      const address = `rsync://xo@127.0.0.1:${serving.port}`
      const client: Client = (options, target, input) => {
        const all = options.map((word) => word.replace(/^@/, address))
        return runRsync(rsync, target === undefined ? all : [...all, target], input)
      }
      try {
        await run(client, rsync.version)
      } catch (error) {
        const notes = serving.notes.join('; ')
        if (error instanceof Error) {
          error.message = `rsync ${rsync.version}: ${error.message} (${notes})`
        }
        throw error
      } finally {
        await serving.stop()
      }
    }
  })
}

/** Fetches into a new folder and compares it with the module, or a part of it. */
async function wholeTree(client: Client, options: string[], from = FOLDER): Promise<void> {
  const target = scratch('target')
  const ended = await client([...options, '@/xo/'], `${target}/`)
  assert.equal(ended, { code: 0, stdout: '', stderr: '' }, options.join(' '))
  assert.equal(described(target), described(from), options.join(' '))
}

test('what is tested against: at least two different releases', () => {
  const versions = rsyncs.map(({ version }) => version)
  assert.ok(new Set(versions).size >= 2, `only rsync ${versions.join(', ')}`)
})

each('whole trees, however the client wants them', async (client) => {
  for (const options of [
    ['-a'],
    ['-a', '--no-inc-recursive'],
    ['-a', '--protocol=31'],
    ['-a', '--protocol=30'],
    ['-a', '--numeric-ids'],
    ['-a', '-s'],
    ['-a', '--checksum'],
    ['-a', '--whole-file'],
    ['-a', '--timeout=20'],
    ['-a', '--bwlimit=20000'],
    ['-a', '--partial'],
    ['-a', '--partial-dir=.part'],
    ['-a', '--delay-updates'],
    ['-a', '--delete-after'],
    ['-a', '--inplace'],
    ['-a', '--checksum-seed=77'],
    ['-aS', '--fuzzy'],
  ]) {
    await wholeTree(client, options)
  }
})

each('every checksum and compression', async (client, version) => {
  const { stdout } = await client(['--version'])
  for (const name of ['xxh128', 'xxh3', 'xxh64', 'md5']) {
    if (stdout.includes(name)) await wholeTree(client, ['-a', '-c', `--checksum-choice=${name}`])
  }
  for (const name of ['zstd', 'zlibx']) {
    if (stdout.includes(name)) await wholeTree(client, ['-a', `--compress-choice=${name}`])
  }
  await wholeTree(client, ['-az'])
  await wholeTree(client, ['-az', '--new-compress'])
  assert.ok(version)
})

each('hard links stay hard links', async (client) => {
  const target = scratch('target')
  const ended = await client(['-aH', '@/xo/'], `${target}/`)
  assert.equal(ended, { code: 0, stdout: '', stderr: '' })
  assert.equal(described(target, { links: true }), described(FOLDER, { links: true }))
})

each('a changed file costs what has changed', async (client) => {
  for (const options of [['-a'], ['-az'], ['-a', '--inplace'], ['-a', '--new-compress']]) {
    const target = scratch('target')
    mkdirSync(join(target, 'lib'))
    writeFileSync(join(target, 'lib/text'), CHANGED)
    const words = [...options, '--stats', '--no-whole-file', '@/xo/42/root/usr/lib/text']
    const { code, stdout, stderr } = await client(words, join(target, 'lib/'))
    assert.equal({ code, stderr }, { code: 0, stderr: '' })
    assert.equal(readFileSync(join(target, 'lib/text')), TEXT)
    const literal = /Literal data: ([0-9,]+)/.exec(stdout)?.[1]?.replaceAll(',', '')
    assert.ok(Number(literal) < 20_000, `${options.join(' ')}: ${literal} bytes came literally`)
  }
})

each('a file that broke off is continued', async (client) => {
  for (const options of [['--append'], ['--append-verify'], ['--partial'], ['--inplace']]) {
    const target = scratch('target')
    const path = join(target, 'text')
    writeFileSync(path, TEXT.subarray(0, 123_456))
    const ended = await client(['-t', ...options, '@/xo/42/root/usr/lib/text'], path)
    assert.equal(ended, { code: 0, stdout: '', stderr: '' }, options.join(' '))
    assert.equal(readFileSync(path), TEXT)
  }
  const target = scratch('target')
  const path = join(target, 'text')
  const wrong = Buffer.from(TEXT.subarray(0, 123_456))
  wrong[7] = 0
  writeFileSync(path, wrong)
  const ended = await client(['-t', '--append-verify', '@/xo/42/root/usr/lib/text'], path)
  assert.is(ended.code, 0)
  assert.equal(readFileSync(path), TEXT)
})

each('names from a list, with -R and without', async (client) => {
  const target = scratch('target')
  const names = 'latest\n42/root/usr/lib/n\\#012l\n42/root/usr/lib/text\n42/root/etc/\nmissing\n'
  const zeros = 'latest\x0042/root/usr/lib/n\nl\x0042/root/usr/lib/text\x0042/root/etc/\0'
  const first = await client(['-a', '--files-from=-', '--from0', '@/xo/'], `${target}/`, zeros)
  assert.equal(first, { code: 0, stdout: '', stderr: '' })
  assert.equal(readdirSync(join(target, '42/root/usr/lib')).sort(), ['n\nl', 'text'])
  assert.equal(readdirSync(join(target, '42/root/etc')).sort(), ['empty', 'nothing'])
  assert.is(Math.floor(lstatSync(join(target, '42/root/etc')).mtimeMs / 1000), 1_500_000_000)
  const second = await client(['-a', '--files-from=-', '@/xo/'], `${scratch('target')}/`, names)
  assert.is(second.code, 23)
  assert.match(second.stderr, /link_stat "\/missing".*No such file or directory \(2\)/)
  const flat = scratch('target')
  const words = ['-a', '--no-relative', '--files-from=-', '@/xo/42/root']
  assert.is((await client(words, `${flat}/`, 'usr/lib/text\netc\n')).code, 0)
  assert.equal(readdirSync(flat).sort(), ['etc', 'text'])
  const under = scratch('target')
  const relative = ['-aR', '@/xo/42/root/./usr/lib/text', '@/xo/42/root/./etc']
  assert.equal(await client(relative, `${under}/`), { code: 0, stdout: '', stderr: '' })
  assert.equal(readdirSync(under).sort(), ['etc', 'usr'])
  assert.equal(readdirSync(join(under, 'etc')).sort(), ['empty', 'nothing'])
})

each('paths, wildcards, and folders with and without a slash', async (client) => {
  const target = scratch('target')
  const words = [
    '-a',
    '@/xo/42/root/usr/lib/te*',
    '@/xo/42/root/etc',
    '@/xo/*/root/usr/lib/[[]b[]]',
  ]
  assert.equal(await client(words, `${target}/`), { code: 0, stdout: '', stderr: '' })
  assert.equal(readdirSync(target).sort(), ['[b]', 'etc', 'text', 'text-again'])
  const inside = scratch('target')
  assert.is((await client(['-a', '@/xo/42/root/etc/'], `${inside}/`)).code, 0)
  assert.equal(readdirSync(inside).sort(), ['empty', 'nothing'])
  const above = scratch('target')
  assert.is((await client(['-a', '@/xo/../../latest'], `${above}/`)).code, 0)
  assert.equal(readdirSync(above), ['latest'])
  const missing = await client(['-a', '@/xo/no-such'], `${above}/`)
  assert.is(missing.code, 23)
  assert.match(missing.stderr, /link_stat "\/no-such" failed.*\(in xo\)|\(in xo\) failed/)
})

each('filter rules', async (client) => {
  for (const rules of [
    ['--exclude=*.txt', '--exclude=text*'],
    ['--include=text', '--exclude=text*'],
    ['--exclude=/42/root/usr/'],
    ['--include=*/', '--include=/42/**/nothing', '--exclude=*'],
    ['--include=/42/***', '--exclude=*'],
    ['--exclude=root/etc'],
    ['--filter=H lib', '--filter=P x'],
    ['--exclude=[!a-t]*'],
  ]) {
    const target = scratch('target')
    const own = scratch('own')
    const ended = await client(['-a', ...rules, '@/xo/'], `${target}/`)
    assert.equal(ended, { code: 0, stdout: '', stderr: '' }, rules.join(' '))
    const plain = rules.filter((rule) => !rule.startsWith('--filter=P'))
    assert.is((await client(['-a', ...plain, `${FOLDER}/`], `${own}/`)).code, 0)
    assert.equal(described(target), described(own), rules.join(' '))
  }
  const merged = await client(['-a', '--filter=: .rules', '@/xo/'], `${scratch('target')}/`)
  assert.is(merged.code, 4)
  assert.match(merged.stderr, /can't apply the filter rule ": .rules"/)
})

each('lists', async (client) => {
  const modules = await client(['@/'])
  assert.equal(modules, { code: 0, stdout: 'xo             \twhat a laptop has\n', stderr: '' })
  const top = await client(['@/xo/'])
  assert.is(top.code, 0)
  assert.match(
    top.stdout,
    /^drwx.* \.\ndrwx.* 42\n-rw-.* latest\n$|^drwx.* \.\n-rw-.* latest\ndrwx.* 42\n$/,
  )
  const whole = await client(['-r', '--list-only', '@/xo/42/root/etc/'])
  assert.equal(whole.stdout.match(/[^ \n]+$/gm), ['.', 'nothing', 'empty'])
})

each('a dry run changes nothing', async (client) => {
  const target = scratch('target')
  const { code, stdout } = await client(['-an', '--out-format=%n', '@/xo/'], `${target}/`)
  assert.is(code, 0)
  assert.match(stdout, /42\/root\/usr\/lib\/text\n/)
  assert.equal(readdirSync(target), [])
})

each('what writes, and what nobody knows, is refused', async (client) => {
  const local = scratch('local')
  writeFileSync(join(local, 'x'), 'x')
  const push = await client(['-a', `${local}/x`, '@/xo/'])
  assert.match(push.stderr, /module is read only/)
  assert.not(existsSync(join(FOLDER, 'x')))
  const target = `${local}/`
  const moving = await client(['-a', '--remove-source-files', '@/xo/latest'], target)
  assert.is(moving.code, 4)
  assert.match(moving.stderr, /The server is configured to refuse --remove-source-files/)
  assert.ok(existsSync(join(FOLDER, 'latest')))
  const extended = await client(['-aL', '@/xo/latest'], target)
  assert.is(extended.code, 4)
  assert.match(extended.stderr, /refuse --copy-links \(-L\)/)
  const old = await client(['-az', '--old-compress', '@/xo/latest'], target)
  assert.is(old.code, 4)
  assert.match(old.stderr, /no common compress/)
  const none = await client(['-a', '@/no-such/'], target)
  assert.is(none.code, 5)
  assert.match(none.stderr, /@ERROR: Unknown module 'no-such'/)
})

const secrets = new Map([['xo', 'secret']])

each('a password opens a module', (client) => wholeTree(client, ['-a']), { module: { secrets } })

each(
  'a wrong password does not, nor an unknown user',
  async (client) => {
    const { code, stderr } = await client(['-a', '@/xo/'], `${scratch('target')}/`)
    assert.is(code, 5)
    assert.match(stderr, /@ERROR: auth failed on module xo/)
  },
  { module: { secrets: new Map([['xo', 'another']]) } },
)

each(
  'what is withheld is not listed',
  async (client) => {
    const target = scratch('target')
    assert.is((await client(['-a', '@/xo/'], `${target}/`)).code, 0)
    assert.equal(readdirSync(join(target, '42/root')), ['etc'])
    const asked = await client(['-a', '@/xo/42/root/usr/lib/text'], `${target}/`)
    assert.is(asked.code, 23)
  },
  { module: moduleOf(FOLDER, { withheld: (path) => path === '42/root/usr' }) },
)

test('a file that grows while it is sent is sent as it was', async () => {
  const folder = scratch('growing')
  const path = join(folder, 'log')
  writeFileSync(path, TEXT)
  for (const rsync of rsyncs) {
    const serving = startServing([moduleOf(folder)])
    const target = scratch('target')
    const address = `rsync://127.0.0.1:${serving.port}/xo/`
    const going = runRsync(rsync, ['-a', '--bwlimit=500', address, `${target}/`])
    appendFileSync(path, 'more')
    assert.is((await going).code, 0)
    await serving.stop()
  }
})

test.run()
