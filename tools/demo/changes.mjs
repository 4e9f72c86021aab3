/**
 * What release 42 changes beside its newer packages, as an image's makers do between two releases:
 * things move, come, go, and change in nothing but mode, owner, time or capability. Works on a
 * finished image; never on the first release's tree.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { run } from '../workplace.mjs'
import { makeStamp, settleTimes } from './image.mjs'

const LESSON_COUNT = 40
const LESSON_LINES = 400
const GROUP_ADM = 4
const GROUP_NETWORK = 101

/** Each moves with its content and times; a link is left at the old place. */
const MOVED = [
  ['usr/share/perl/5.36.0/unicore', 'usr/share/unicode/perl'],
  ['usr/lib/file/magic.mgc', 'usr/share/misc/magic-compiled'],
  ['usr/share/i18n/locales', 'usr/share/i18n/sources'],
]

const REMOVED = [
  'usr/share/groff',
  'usr/share/doc/openssl',
  'usr/share/bug',
  'etc/cron.daily/man-db',
]

/** A folder whose files were merely written again by the image's build: new times, same content. */
const TOUCHED = 'usr/share/man/man1'

function move(tree) {
  for (const [from, to] of MOVED) {
    mkdirSync(dirname(join(tree, to)), { recursive: true })
    renameSync(join(tree, from), join(tree, to))
    symlinkSync(relative(dirname(from), to), join(tree, from))
  }
}

function addLessons(tree) {
  const folder = join(tree, 'usr/share/xo/lessons')
  mkdirSync(folder, { recursive: true })
  for (let lesson = 1; lesson <= LESSON_COUNT; lesson++) {
    const lines = []
    for (let line = 1; line <= LESSON_LINES; line++) {
      lines.push(`Lesson ${lesson}: ${lesson} times ${line} is ${lesson * line}.`)
    }
    const name = `lesson-${String(lesson).padStart(2, '0')}.txt`
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
  }
}

/** Nothing but metadata: content stays the same. */
async function changeMetadata(tree, releaseTime) {
  for (const name of ['chfn', 'chsh']) chmodSync(join(tree, 'usr/bin', name), 0o755)
  chownSync(join(tree, 'var/log'), 0, GROUP_ADM)
  chmodSync(join(tree, 'var/log'), 0o2750)
  chownSync(join(tree, 'usr/sbin/nft'), 0, GROUP_NETWORK)
  chmodSync(join(tree, 'usr/sbin/nft'), 0o750)
  await run(['chroot', tree, '/sbin/setcap', 'cap_net_admin+ep', '/usr/sbin/nft'])
  for (const entry of readdirSync(join(tree, TOUCHED), { withFileTypes: true })) {
    const file = join(tree, TOUCHED, entry.name)
    if (entry.isFile()) utimesSync(file, releaseTime, releaseTime)
  }
}

export async function changeImage({ tree, releaseTime }) {
  const stamp = makeStamp(tree)
  move(tree)
  addLessons(tree)
  for (const path of REMOVED) rmSync(join(tree, path), { recursive: true, force: true })
  const release = join(tree, 'etc/xo-release')
  if (!existsSync(release)) writeFileSync(release, 'The second release.\n')
  await changeMetadata(tree, releaseTime)
  await settleTimes(tree, stamp, releaseTime)
}
