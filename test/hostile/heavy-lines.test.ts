/**
 * A signed release whose entries have large attributes, as no publisher makes one: lines that are a
 * hundred times as long as usual cost time, and hardly any more memory.
 */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Entry, formatManifestLine } from '../../src/release/manifest-line.ts'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { mountImage } from '../support/mounts.ts'
import { Publisher } from '../support/release.ts'
import { test } from '../support/suite.ts'
import { digestOf, entry, madeRelease, releaseOfLines, within } from './made-release.ts'
import { agreed, END_OF_LIST, framed, HostileDaemon, listed } from './rsync-daemon.ts'

/** Near to the longest line that there may be (bytes). */
const LARGE = 60_000
const ENTRIES = 100
/** They are 8 MB, and what is read of them is 6 MB. */
const PEAK_KIB_MAX = 12 * 1024
const DIRECTORY = 0o040755

const publisher = new Publisher()
const name = (index: number) => `f${String(index).padStart(6, '0')}`
const note = (size: number) => ({ name: 'user.note', value: new Uint8Array(size).fill(7) })

/** One that holds attributes of any size. */
const disk = mountImage(
  ...([200_000_000, 'mkfs.ext4', '-q', '-F', '-m', '0', '-O', 'ea_inode'] as const),
  ...['-N', '20000', '-b', '4096'],
)
const deviceFor = (folder: string, sources: string[]) =>
  new Device({ sources, keys: publisher.keys.publicFile, store: join(disk, folder) })

function heavy(change: (index: number) => Partial<Entry>): Entry[] {
  const entries = Array.from({ length: ENTRIES }, (_, index) => ({
    ...entry(name(index), 100),
    xattrs: [note(LARGE)],
    ...change(index),
  }))
  return [entry('.', 0), ...entries]
}

test('files-with-large-attributes, all of them to be fetched at once', async () => {
  const stick = madeRelease(
    publisher,
    heavy(() => ({})),
  )
  const daemon = await HostileDaemon.start(function* () {
    yield agreed('zlibx')
    yield* framed([listed('.', 4096, DIRECTORY)])
    for (let index = 0; index < ENTRIES; index++) yield* framed([listed(name(index), 100)])
    yield* framed([END_OF_LIST])
  })
  try {
    const device = deviceFor('fetched', [`file://${stick}`, daemon.url])
    const words = ['install', '--json', ...device.words]
    await within(words, 69, /the connection was cut while waiting for files/, PEAK_KIB_MAX)
    assert.ok(daemon.sessions.length > 0, 'it was never asked')
  } finally {
    daemon.stop()
  }
})

test('names-of-one-file-with-large-attributes, which wait for the first', async () => {
  const digest = digestOf(name(0))
  const group = heavy((index) => ({
    ...{ links: ENTRIES, digest },
    hardLinkTo: index === 0 ? undefined : name(0),
  }))
  const device = deviceFor('waiting', [`file://${madeRelease(publisher, group)}`])
  const words = ['install', '--json', ...device.words]
  await within(words, 69, /lacks one file/, PEAK_KIB_MAX)
})

/** Folders are made without a look at their attributes, so there may be many of them. */
const FOLDERS = 6_000
const BLOCKFUL = 3_000
const MODIFIED = entry('.', 0).modified

function strip(root: string): void {
  const { files } = nodeHost()
  const directory = files.openRoot(root)
  const metadata = { mode: 0o755, uid: 0, gid: 0, modified: MODIFIED, xattrs: [] }
  for (let index = 0; index < FOLDERS; index++) {
    files.setMetadata(directory, name(index), metadata)
  }
  files.close(directory)
}

test('attributes-lost: each of them is damage that is told, and mended', async () => {
  const folder = { ...entry('.', 0), path: name(0), xattrs: [note(BLOCKFUL)] }
  const line = formatManifestLine(folder)
  const lines = [formatManifestLine(entry('.', 0))]
  for (let index = 0; index < FOLDERS; index++) lines.push(line.replace(name(0), name(index)))
  const device = deviceFor('lost', [`file://${releaseOfLines(publisher, lines)}`])
  await within(['install', '--json', ...device.words], 0, /"installed"/, PEAK_KIB_MAX)
  strip(device.root())
  await within(['verify', '--json', ...device.words], 1, /"what":"xattr"/)
  await within(['recover', '--json', ...device.words], 0, /"version":42/)
})

test.run()
