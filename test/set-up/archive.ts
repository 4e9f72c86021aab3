/**
 * A small Debian archive in a folder, signed with a key of its own, as apt takes it: packages made by
 * dpkg, indexes and signatures by the stock tools. What its index says and what its pool has may differ.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scratch } from '../support/scratch.ts'

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

export interface Deb {
  name: string
  version: string
  path: string
  sha256: string
  stanza: string
}

/** A signing key, and the file that lets apt check what was signed with it. */
export class Key {
  readonly #home = scratch('gpg')
  readonly keyring = join(this.#home, 'keyring.gpg')

  constructor() {
    const user = 'drift@example.org'
    this.#gpg('--passphrase', '', '--quick-generate-key', user, 'ed25519', 'sign', 'never')
    this.#gpg('--output', this.keyring, '--export', user)
  }

  sign(source: string, target: string) {
    this.#gpg('--yes', '--clearsign', '--output', target, source)
  }

  /** gpg leaves an agent running. */
  end() {
    execFileSync('gpgconf', ['--homedir', this.#home, '--kill', 'gpg-agent'])
  }

  #gpg(...words: string[]) {
    const quiet = ['--homedir', this.#home, '--batch', '--no-tty', '--quiet']
    execFileSync('gpg', [...quiet, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  }
}

/** Makes a package with these files, at the place in a pool that is its own. */
function makeDeb(
  folder: string,
  name: string,
  version: string,
  files: Record<string, string>,
): Deb {
  const tree = scratch('deb')
  const contents = { [`usr/share/${name}/version`]: version, ...files }
  for (const [file, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    writeFileSync(join(tree, file), content, { mode: 0o755 })
  }
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: amd64',
    'Maintainer: nobody <nobody@example.org>',
    'Description: made by a test',
  ].join('\n')
  mkdirSync(join(tree, 'DEBIAN'))
  writeFileSync(join(tree, 'DEBIAN/control'), `${control}\n`)
  const path = `pool/main/${name[0]}/${name}/${name}_${version.replace(/^\d+:/, '')}_amd64.deb`
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  const build = ['--root-owner-group', '-Znone', '--build', tree, join(folder, path)]
  execFileSync('dpkg-deb', build, { stdio: 'pipe' })
  rmSync(tree, { recursive: true })
  const bytes = readFileSync(join(folder, path))
  const digest = sha256(bytes)
  const stanza = `${control}\nFilename: ${path}\nSize: ${bytes.length}\nSHA256: ${digest}\n`
  return { name, version, path, sha256: digest, stanza }
}

export class Archive {
  readonly folder = scratch('archive')
  readonly #key: Key

  constructor(key: Key) {
    this.#key = key
  }

  /** A package in the pool; a suite has it once `publish` says so. */
  deb(name: string, version: string, files: Record<string, string> = {}): Deb {
    return makeDeb(this.folder, name, version, files)
  }

  /** The one file of a source package that anybody uses; the others are not even in the pool. */
  source(name: string, file: string, content: string) {
    const path = `pool/main/${name[0]}/${name}`
    mkdirSync(join(this.folder, path), { recursive: true })
    writeFileSync(join(this.folder, path, file), content)
    const bytes = Buffer.from(content)
    const digest = sha256(bytes)
    const missing = `${'0'.repeat(64)} 100 ${name}_1-2`
    const stanza = [
      `Package: ${name}`,
      'Format: 3.0 (quilt)',
      'Version: 1-2',
      `Directory: ${path}`,
      'Checksums-Sha256:',
      ` ${missing}.dsc`,
      ` ${digest} ${bytes.length} ${file}`,
      ` ${missing}.debian.tar.xz`,
      '',
    ].join('\n')
    return { name, file, sha256: digest, path: `${path}/${file}`, stanza }
  }

  /** What a suite has from now on, signed. */
  publish(suite: string, packages: { stanza: string }[], sources: { stanza: string }[] = []) {
    const folder = join(this.folder, 'dists', suite)
    const lines = []
    for (const [name, stanzas] of [
      ['main/binary-amd64/Packages', packages],
      ['main/source/Sources', sources],
    ] as const) {
      const text = stanzas.map(({ stanza }) => `${stanza}\n`).join('')
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
      lines.push(` ${sha256(Buffer.from(text))} ${Buffer.byteLength(text)} ${name}`)
    }
    const release = [
      'Origin: test',
      `Suite: ${suite}`,
      `Codename: ${suite}`,
      `Date: ${new Date().toUTCString().replace('GMT', 'UTC')}`,
      'Architectures: amd64',
      'Components: main',
      'SHA256:',
      ...lines,
      '',
    ].join('\n')
    writeFileSync(join(folder, 'Release'), release)
    this.#key.sign(join(folder, 'Release'), join(folder, 'InRelease'))
  }

  /** Takes a file out of the pool, as Debian does when it has replaced it. */
  drop({ path }: { path: string }) {
    rmSync(join(this.folder, path))
  }

  /** Puts a file of the pool to another place below the archive. */
  copy({ path }: { path: string }, target: string) {
    mkdirSync(dirname(join(this.folder, target)), { recursive: true })
    copyFileSync(join(this.folder, path), join(this.folder, target))
  }
}
