/**
 * What a hostile rsync client may ask our server for, each attack by its name. Nothing outside of the module is
 * read, nothing at all is changed, and the next client is served.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { hex, latin } from '../support/peer-bytes.ts'
import { test } from '../support/suite.ts'
import {
  asking,
  askingOnly,
  DONE,
  data,
  GOODBYE,
  GREETING,
  RawClient,
  Requests,
  rule,
} from './raw-client.ts'
import { SENTINEL, ServedModule } from './served-module.ts'

const served = new ServedModule()
const { folder, outside } = served

test.before(() => served.start())
test.after(() => served.stop())

/** Asks for the first `count` entries of a list, whatever they are. */
function all(count: number): Buffer {
  const requests = new Requests()
  return data(...Array.from({ length: count }, (_, index) => requests.file(index)), DONE)
}

const OUT = [
  '..',
  '../secret',
  '../outside/secret',
  '42/../../secret',
  '42/root/../../../outside/',
  '/etc/passwd',
  '//etc/passwd',
  '/../../../../../../etc/passwd',
  './../secret',
  '.././outside',
  'away',
  'away/secret',
  '42/link',
  '42/absolute/secret',
  '42/round/round/round/../../../../secret',
  'hidden',
  'hidden/withheld',
  '42/../hidden/withheld',
  '*/withheld',
  '*/secret',
  '../*',
  '[.][.]/secret',
  '?./secret',
  '{..,.}/secret',
]

test('path-out-of-the-module', async () => {
  const module = `${folder}/`
  const paths = OUT.flatMap((path) => [`xo/${path}`, path, `xo/${path}/`, `xo/./${path}`])
  for (const path of [...paths, module, outside, `xo${outside}`, 'xo', 'xo/', '..xo/']) {
    for (const letters of ['-re.LsfxCIvu', '-logDtpRre.LsfxCIvu', '-rRe.LsfxCIvu']) {
      // A folder asked for is refused and ends the session: each file by itself, in turn.
      for (const index of [0, 1, 2, 3]) {
        const request = data(new Requests().file(index), DONE)
        await served.attack(
          `${letters} ${path}`,
          asking(['.', path], { letters }),
          request,
          GOODBYE,
        )
      }
    }
  }
  await served.isWell()
})

test('name-of-a-list-out-of-the-module', async () => {
  for (const name of [...OUT, ...OUT.map((path) => `/${path}`)]) {
    const words = ['--files-from=-', '--from0', '.', 'xo/']
    const letters = '-logDtpRe.LsfxCIvu'
    const names = data(latin(`${name}\0\0`))
    for (const index of [0, 1, 2]) {
      const request = data(new Requests().file(index), DONE)
      await served.attack(name, asking(words, { letters }), names, request, GOODBYE)
    }
  }
  await served.isWell()
})

test('list-of-names-that-lies-on-the-server', async () => {
  for (const path of ['/etc/passwd', join(outside, 'secret'), '../secret', '/latest', '']) {
    for (const words of [[`--files-from=${path}`], ['--files-from', path || '-x']]) {
      const answer = await served.attack(path, asking([...words, '.', 'xo/']), GOODBYE)
      assert.not.match(answer.raw, /root:|kind=release/, path)
    }
  }
  await served.isWell()
})

test('link-put-in-place-of-what-was-listed', async () => {
  const place = join(folder, '42/root')
  const request = (index: number) => data(new Requests().file(index))
  for (const what of ['file', 'folder', 'pipe'] as const) {
    const client = await RawClient.open(served.port)
    const own = what === 'folder' ? 'sub' : '.'
    mkdirSync(join(place, own), { recursive: true })
    const path = join(place, own, 'secret')
    writeFileSync(path, 'harmless')
    client.say(asking(['.', `xo/42/root/${own === '.' ? 'secret' : 'sub/secret'}`]))
    const listed = () => client.answer().data.includes('secret')
    await deadline(client.until(listed))
    if (what === 'folder') {
      renameSync(join(place, 'sub'), join(place, 'gone'))
      symlinkSync(outside, join(place, 'sub'))
    } else {
      rmSync(path)
      if (what === 'file') symlinkSync(join(outside, 'secret'), path)
      else execFileSync('mkfifo', [path])
    }
    client.say(request(0), GOODBYE)
    const answer = await deadline(client.end())
    assert.not.match(answer.raw, SENTINEL, what)
    // A link goes by itself: what it leads to stays.
    for (const name of ['sub', 'gone', 'secret']) {
      rmSync(join(place, name), { recursive: true, force: true })
    }
  }
  served.changed()
  await served.isWell()
})

test('push-attempt', async () => {
  for (const words of [
    ['--server', '-logDtpre.LsfxCIvu', '.', 'xo/'],
    ['--server', '-logDtpre.LsfxCIvu', '--delete', '.', 'xo/'],
    ['--server', '-e.LsfxCIvu', '--mkpath', '.', 'xo/new/file'],
  ]) {
    const text = `${GREETING}xo\n${words.join('\0')}\0\0`
    const list = hex('03 6d6435')
    const answer = await served.attack(
      words.join(' '),
      text,
      list,
      data(hex('00000000'), hex('0000')),
    )
    assert.match(answer.words, /ERROR: module is read only/)
  }
  await served.isWell()
})

const WRITERS = [
  '--remove-source-files',
  '--remove-sent-files',
  `--log-file=${outside}/log`,
  `--log-file=${folder}/log`,
  '--log-file-format=%f',
  `--temp-dir=${outside}`,
  `--backup-dir=${outside}`,
  `--partial-dir=${outside}`,
  `--link-dest=${outside}`,
  `--compare-dest=${outside}`,
  `--only-write-batch=${outside}/batch`,
  `--write-batch=${outside}/batch`,
  `--read-batch=${outside}/secret`,
  `--password-file=${outside}/secret`,
  `--config=${outside}/secret`,
  `--include-from=${outside}/secret`,
  `--exclude-from=${outside}/secret`,
  `--motd-file=${outside}/secret`,
  '--daemon',
  '--no-daemon',
  '--detach',
  '--dparam=path=/',
  '--port=1',
  '--address=0.0.0.0',
  '--rsync-path=/bin/sh',
  '--rsh=/bin/sh',
  '--delete',
  '--force',
  '--super',
  '--fake-super',
  '--write-devices',
  '--copy-devices',
  '--copy-unsafe-links',
  '--insecure-links',
  '--iconv=utf-8',
  '--usermap=0:0',
  '--fsync',
  '--preallocate',
]

test('option-that-writes-or-leads-outside', async () => {
  for (const option of WRITERS) {
    for (const words of [[option], [option, '--numeric-ids'], ['--numeric-ids', option]]) {
      const answer = await served.attack(option, asking([...words, '.', 'xo/']), GOODBYE)
      assert.match(answer.words, /refuse|unknown option/, option)
    }
  }
  for (const letters of ['-Lre.LsfxCIvu', '-kre.LsfxCIvu', '-Are.LsfxCIvu', '-Xre.LsfxCIvu']) {
    const answer = await served.attack(letters, asking(['.', 'xo/'], { letters }), GOODBYE)
    assert.match(answer.words, /refuse|unknown option/, letters)
  }
  await served.isWell()
})

test('the same in a second list of arguments', async () => {
  for (const option of WRITERS) {
    const first = ['--server', '--sender', '-se.LsfxCIvu', '', ''].join('\0')
    const second = ['rsync', option, '-re.LsfxCIvu', '.', 'xo/', '', ''].join('\0')
    const pieces = [hex('03 6d6435'), data(hex('00000000')), GOODBYE]
    const answer = await served.attack(option, `${GREETING}xo\n${first}${second}`, ...pieces)
    assert.match(answer.words, /refuse|unknown option/, option)
  }
  await served.isWell()
})

test('greeting-without-sense', async () => {
  for (const greeting of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'SSH-2.0-x\n',
    '@RSYNCD: \n',
    '@RSYNCD: 29\n',
    '@RSYNCD: 99999999999999999999.0\n',
    '@RSYNCD: -1.0\n',
    '@RSYNCD: 32.0\n',
    '@RSYNCD: NaN.NaN\n',
    `${GREETING}x\0o\n`,
    `${GREETING}\0\n`,
    `${GREETING}#early_input=5120\n${'x'.repeat(6000)}\n`,
    `${GREETING}#early_input=-1\n`,
    `${GREETING}../xo\n`,
    `${GREETING}xo/../..\n`,
    `${GREETING}${'x'.repeat(100_000)}\n`,
    'x'.repeat(100_000),
    `@RSYNCD: 31.0 ${'md5 '.repeat(30_000)}\n`,
    hex('ff'.repeat(3000)),
  ]) {
    const answer = await served.attack(JSON.stringify(greeting).slice(0, 60), greeting)
    assert.not.match(answer.raw, /@RSYNCD: OK/, JSON.stringify(greeting).slice(0, 60))
  }
  await served.isWell()
})

test('password-by-guessing', async () => {
  const wrong = new Set<string>()
  for (const answer of ['xo', 'xo ', ' ', `xo ${'A'.repeat(900)}`, '#xo x', 'ox AAAA', 'xo \0']) {
    const said = await served.attack(answer, `@RSYNCD: 31.0 sha256 md5\nlocked\n${answer}\n`)
    assert.not.match(said.raw, /@RSYNCD: OK/, answer)
    const challenge = /AUTHREQD (\S+)/.exec(said.raw)?.[1] ?? ''
    assert.ok(challenge.length >= 22 && !wrong.has(challenge), 'a new challenge for everybody')
    wrong.add(challenge)
    assert.match(said.words, '@ERROR: auth failed on module locked')
  }
  await served.isWell()
})

test('arguments-without-end', async () => {
  for (const [what, words] of [
    ['many', Array.from({ length: 40_000 }, () => '-r')],
    ['paths', ['.', ...Array.from({ length: 40_000 }, (_, i) => `xo/${i}`)]],
    ['one', ['.', `xo/${'x'.repeat(2_000_000)}`]],
    ['deep', ['.', `xo/${'../'.repeat(100_000)}etc/passwd`]],
    ['numbers', ['--timeout=99999999999', '--bwlimit=-1', '.', 'xo/']],
  ] as const) {
    await served.attack(what, askingOnly([...words]))
  }
  await served.isWell()
})

test('wildcards-and-rules-that-take-for-ever', async () => {
  const stars = `${'*a'.repeat(60)}*b`
  const classes = `${'[a-z]*'.repeat(200)}!`
  for (const pattern of [stars, `${'*/'.repeat(500)}x`, classes, '['.repeat(2000), '[[:alpha:'])
    await served.attack(pattern, asking(['.', `xo/${pattern}`]), GOODBYE)
  const long = 'a'.repeat(200)
  mkdirSync(join(folder, long))
  served.changed()
  for (const text of [`- ${stars}`, `- **${stars}`, `- ${'**/'.repeat(300)}x`, `- ${classes}`]) {
    const rules = data(...Array.from({ length: 50 }, () => rule(text)), hex('00000000'))
    await served.attack(text, askingOnly(['.', 'xo/']), rules, GOODBYE)
  }
  rmSync(join(folder, long), { recursive: true })
  served.changed()
  await served.isWell()
})

test('rule-that-reads-a-file', async () => {
  for (const text of [`. ${outside}/secret`, ': secret', `:- ${outside}/secret`, '.- ../secret']) {
    const answer = await served.attack(
      text,
      askingOnly(['.', 'xo/']),
      data(rule(text), hex('00000000')),
    )
    assert.not.match(answer.raw, SENTINEL)
  }
  await served.isWell()
})

test('rules-without-end', async () => {
  const client = await RawClient.open(served.port)
  client.say(askingOnly(['.', 'xo/']))
  const piece = data(...Array.from({ length: 1000 }, () => rule(`- ${'x'.repeat(50)}`)))
  await deadline(client.pour(Array.from({ length: 2000 }, () => piece)))
  await deadline(client.end())
  for (const length of ['ffffff7f', 'ffffffff', '00000080', '01001000']) {
    await served.attack(length, askingOnly(['.', 'xo/']), data(hex(length)))
  }
  await served.isWell()
})

/** The list of `latest` and what comes before it: file 0. */
test('the sentinels are where clients could have found them', () => {
  assert.is(readFileSync(join(folder, '42/absolute/secret'), 'latin1'), SENTINEL)
  assert.is(readFileSync(join(folder, 'away/secret'), 'latin1'), SENTINEL)
})

test('all of a whole tree, asked for at once, has no sentinel in it', async () => {
  await served.attack(
    'everything',
    asking(['.', 'xo/'], { letters: '-re.LsfxCIvu' }),
    all(6),
    GOODBYE,
  )
  await served.isWell()
})

test.run()
