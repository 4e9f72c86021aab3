/** Where this machine's Debian archives are, read from its apt sources in both of apt's formats. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Page } from '../support/page.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

interface Source {
  uri: string
  signedBy?: string
}

interface Archives {
  archive?: Source
  security?: Source
}

// The tools are plain JavaScript, outside what the tests compile.
const tool = new URL('../../../../tools/sources/machine-sources.mjs', import.meta.url).href
const { debianArchives } = (await import(tool)) as {
  debianArchives(here: { aptFolder: string }): Archives
}

const page = new Page('docs/BUILDING.md', 'test/set-up/sources.test.ts')

/** What stands in `/etc/apt` under these names. */
function archivesIn(files: Record<string, string>) {
  const aptFolder = scratch('apt')
  mkdirSync(join(aptFolder, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(aptFolder, name), text)
  const { archive, security } = debianArchives({ aptFolder })
  return { archive: archive?.uri, security: security?.uri, keys: archive?.signedBy }
}

test('the file of the page names both archives and their keys', () => {
  assert.equal(archivesIn({ 'sources.list.d/debian.sources': page.block('text', 'Types') }), {
    archive: 'https://mirror.example/debian',
    security: 'https://mirror.example/debian-security',
    keys: '/usr/share/keyrings/debian-archive-keyring.gpg',
  })
  assert.equal(page.left(), [])
})

test('the lines of sources.list, with options and comments', () => {
  const lines = [
    '# deb http://old.example/debian bookworm main',
    'deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian/ bookworm main contrib # ours',
    'deb-src http://two.example/debian bookworm main',
    'deb http://one.example/debian-security bookworm-security main',
  ]
  assert.equal(archivesIn({ 'sources.list': `${lines.join('\n')}\n` }), {
    archive: 'http://one.example/debian/',
    security: 'http://one.example/debian-security',
    keys: '/k.gpg',
  })
})

test("others' archives with Debian's suites are none, nor is what is switched off", () => {
  const others = [
    'deb https://download.example/linux/debian bookworm stable',
    'deb https://apt.example/tools bookworm main',
    'deb cdrom:[Debian]/ bookworm main',
  ].join('\n')
  const off =
    'Types: deb\nURIs: http://off.example/debian\nSuites: sid\nComponents: main\nEnabled: no\n'
  const none = { archive: undefined, security: undefined, keys: undefined }
  const files = { 'sources.list': `${others}\n`, 'sources.list.d/off.sources': off }
  assert.equal(archivesIn(files), none)
  assert.equal(archivesIn({}), none)
})

test.run()
