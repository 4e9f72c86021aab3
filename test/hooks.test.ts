/** Which files in a folder are run as hooks, and what is said about one that can't be. */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ConfigError } from '../src/errors.ts'
import { examine } from '../src/health.ts'
import { hooksOf } from '../src/hooks.ts'
import { silent } from '../src/progress.ts'
import { nodeHost } from './support/host.ts'
import { scratch } from './support/scratch.ts'
import { skip, test } from './support/suite.ts'

const host = nodeHost()

function folderWith(hooks: Record<string, string>, mode = 0o755): string {
  const folder = scratch('hooks')
  chmodSync(folder, 0o755)
  for (const [name, text] of Object.entries(hooks)) {
    writeFileSync(`${folder}/${name}`, text)
    chmodSync(`${folder}/${name}`, mode)
  }
  return folder
}
const found = (folder: string) => hooksOf(host, folder, () => {})
const refused = (folder: string, what: RegExp) =>
  assert.throws(
    () => found(folder),
    (error: unknown) => error instanceof ConfigError && what.test(error.message),
  )
const GOOD = '#!/bin/sh\nexit 0\n'

test('leftovers of package managers and editors are no hooks, and are named', () => {
  const leftovers = [
    '10-a.dpkg-old',
    '10-a.dpkg-dist',
    '10-a.rpmsave',
    '10-a.rpmnew',
    '10-a.orig',
    '10-a.bak',
    '10-a~',
    '#10-a#',
    '10-a.pacnew',
    '10-a.swp',
  ]
  const folder = folderWith(Object.fromEntries(['10-a', ...leftovers].map((name) => [name, GOOD])))
  const notes: string[] = []
  assert.equal(
    hooksOf(host, folder, (text) => notes.push(text)),
    ['10-a'],
  )
  assert.is(notes.length, leftovers.length)
})

test('a hook that others may write is refused, also behind a link, and so is a folder', () => {
  refused(folderWith({ '10-a': GOOD }, 0o757), /10-a is run as root, and anybody may write it/)
  const target = folderWith({ real: GOOD })
  const linked = folderWith({})
  symlinkSync(`${target}/real`, `${linked}/10-a`)
  assert.equal(found(linked), ['10-a'])
  chmodSync(target, 0o777)
  refused(linked, /anybody may write it/)
  chmodSync(target, 0o755)
  chmodSync(`${target}/real`, 0o777)
  refused(linked, /10-a is run as root, and anybody may write it/)
  const open = folderWith({ '10-a': GOOD })
  chmodSync(open, 0o777)
  refused(open, /anybody may write it/)
})

test('a hook or a folder of another user or group is refused', () => {
  if (process.getuid?.() !== 0) skip('only root can give files away')
  const folder = folderWith({ '10-a': GOOD }, 0o775)
  assert.equal(found(folder), ['10-a'])
  chownSync(`${folder}/10-a`, 0, 1000)
  refused(folder, /group 1000 may write it/)
  chownSync(`${folder}/10-a`, 1000, 0)
  refused(folder, /belongs to user 1000/)
  chownSync(`${folder}/10-a`, 0, 0)
  chownSync(folder, 1000, 0)
  refused(folder, /belongs to user 1000/)
})

test('what is missing where a hook can not be started is named', async () => {
  const folder = folderWith({
    '10-python': '#!/no/such/interpreter -E\n',
    '20-notepad': '#!/bin/sh\r\nexit 0\r\n',
  })
  symlinkSync('/nowhere/at/all', `${folder}/30-gone`)
  const fresh = { by: 'nobody', since: undefined, days: 0, stale: false } as const
  const one = { host, folder, version: 1, trial: false, fresh, timeoutMs: 9000, progress: silent }
  const vetoes = await examine(one)
  const why = (hook: string) => vetoes.find((veto) => veto.hook === hook)?.why ?? ''
  assert.match(why('10-python'), /its interpreter \/no\/such\/interpreter is not there/)
  assert.match(why('20-notepad'), /line ends are those of Windows/)
  assert.match(why('30-gone'), /leads nowhere/)
})

test('a hook is told since when nobody fresh was heard', async () => {
  const folder = folderWith({ '10-a': '#!/bin/sh\necho "$XO_UPGRADE_STALE $XO_UPGRADE_HEARD"\n' })
  const notes: string[] = []
  const progress = { ...silent, note: (text: string) => notes.push(text) }
  const since = '2026-01-01T00:00:00Z'
  const fresh = { by: 'home', since, days: 334, stale: true } as const
  mkdirSync(`${folder}/20-folder`)
  await examine({ host, folder, version: 1, trial: false, fresh, timeoutMs: 9000, progress })
  assert.equal(notes, [`10-a: yes ${since}`])
})

test.run()
