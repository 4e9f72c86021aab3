/** How the command line takes what people type: short forms, mistyped words, files that are not there. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { didYouMean } from '../../src/nearest.ts'
import { PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const xo = (...words: string[]) => run(PROGRAM, words)

test('the nearest word is meant if it is near enough', () => {
  const known = ['upgrade', 'status', 'swap', 'confirm', 'roll-back']
  const table: [string, string | undefined][] = [
    ['upgarde', 'upgrade'],
    ['upgrad', 'upgrade'],
    ['stat', undefined],
    ['statsu', 'status'],
    ['rollback', 'roll-back'],
    ['swpa', 'swap'],
    ['x', undefined],
    ['', undefined],
    ['something-else', undefined],
    ['x'.repeat(10_000), undefined],
  ]
  for (const [word, meant] of table) {
    assert.is(didYouMean(word, known), meant === undefined ? '' : `; did you mean ${meant}?`, word)
  }
})

test('a mistyped command, option or key of the configuration is answered with the one that was meant', () => {
  assert.match(xo('upgarde').stderr, 'no command "upgarde"; did you mean upgrade?')
  const option = xo('status', '--stroe=/xo')
  assert.is(option.status, 64)
  assert.match(option.stderr, 'did you mean --store?')
  const path = join(scratch('configuration'), 'xo.conf')
  writeFileSync(path, '[store]\npth = /xo\n')
  const { status, stderr } = xo('status', '--config', path)
  assert.is(status, 64)
  assert.match(stderr, 'line 2: unknown key "store.pth"; did you mean store.path?')
})

test('-h and -V are what they are everywhere', () => {
  assert.equal(xo('-h'), xo('--help'))
  assert.equal(xo('-V'), xo('--version'))
  assert.equal(xo('status', '-h'), xo('status', '--help'))
})

test('a file that is not there is named with the option that named it', () => {
  const folder = scratch('folder')
  const missing = xo('status', '--config', '/nonexistent')
  assert.is(missing.status, 64)
  assert.match(missing.stderr, '--config /nonexistent: nothing is there (ENOENT)')
  const publish = ['publish', '--image', folder, '--version', '1', '--to', join(folder, 'to')]
  assert.match(xo(...publish, '--key', join(folder, 'k')).stderr, `--key ${folder}/k: nothing is`)
  const image = xo('publish', '--image', '/nowhere', ...publish.slice(3), '--key', folder)
  assert.match(image.stderr, /--(image \/nowhere: nothing is there|key .*: it is a folder)/)
})

test('a reader who has read enough ends the program in silence', () => {
  const script = '{ "$0" --help; echo "status $?" >&2; } | true'
  for (let i = 0; i < 3; i++) {
    const { stderr } = run('sh', ['-c', script, PROGRAM])
    // Who was faster decides whether the pipe was closed already.
    assert.match(stderr, /^status (0|141)\n$/)
  }
  const closed = run('sh', [
    '-c',
    '{ sleep 0.5; "$0" status --json --store /nonexistent; echo "status $?" >&2; } | true',
    PROGRAM,
  ])
  assert.is(closed.stderr, 'status 141\n')
})

test('a full pipe that does not block is waited for', () => {
  const script = `
    use Fcntl;
    pipe(my $reader, my $writer);
    fcntl($writer, F_SETFL, O_WRONLY | O_NONBLOCK);
    my $filled = 0;
    while (my $count = syswrite($writer, "x" x 1000)) { $filled += $count }
    if (!fork) { open(STDOUT, ">&", $writer); exec($ARGV[0], "--help") }
    close($writer);
    select(undef, undef, undef, 0.3);
    my $text = join("", <$reader>);
    wait;
    print $? >> 8, " ", substr($text, $filled);
  `
  const { stdout } = run('perl', ['-e', script, PROGRAM])
  assert.is(stdout, `0 ${xo('--help').stdout}`)
})

test.run()
