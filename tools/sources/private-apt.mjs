/**
 * Debian packages, source and binary, of suites that the machine does not follow, through an apt
 * state of our own in `.cache/apt`. Where the archive is comes from the machine's own sources, which
 * are only read. Never touches `/etc/apt`, never installs anything.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder, SetupError } from '../workplace.mjs'

const stateFolder = join(cacheFolder, 'apt')
const SUITES = ['bookworm', 'trixie']
/** Lists older than this are fetched anew (milliseconds). */
const LISTS_AGE_MAX_MS = 6 * 3600 * 1000

/** Every `{ uri, suites, signedBy }` of the machine's own sources, in both of apt's formats. */
function machineSources() {
  const found = []
  const texts = []
  const add = (file) => existsSync(file) && texts.push([file, readFileSync(file, 'utf8')])
  add('/etc/apt/sources.list')
  const parts = '/etc/apt/sources.list.d'
  if (existsSync(parts)) for (const name of readdirSync(parts).sort()) add(join(parts, name))
  for (const [file, text] of texts) {
    if (file.endsWith('.sources')) {
      for (const stanza of text.replace(/^#.*\n/gm, '').split(/\n\s*\n/)) {
        const field = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(stanza)?.[1]?.trim()
        if (!field('URIs') || !/\bdeb\b/.test(field('Types') ?? '')) continue
        for (const uri of field('URIs').split(/\s+/)) {
          found.push({
            uri,
            suites: (field('Suites') ?? '').split(/\s+/),
            signedBy: field('Signed-By'),
          })
        }
      }
    } else if (file.endsWith('.list')) {
      for (const line of text.split('\n')) {
        const match = /^\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s/.exec(`${line} `)
        if (!match) continue
        const signedBy = /signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
        found.push({ uri: match[2], suites: [match[3]], signedBy })
      }
    }
  }
  return found
}

/** The sources of our own: the machine's archive and security archive, with our suites. */
function privateSources() {
  const machine = machineSources()
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const ofDebian = /^(stretch|buster|bullseye|bookworm|trixie|forky|sid|stable|testing|unstable)/
  const archive = machine.find((s) =>
    s.suites.some((t) => ofDebian.test(t) && !/-security|\//.test(t)),
  )
  const security = machine.find((s) =>
    s.suites.some((t) => ofDebian.test(t) && /-security/.test(t)),
  )
  if (!archive) {
    throw new SetupError(
      'this machine has no Debian archive among its apt sources',
      'add one (a "Types: deb" entry of a Debian suite), or put the archives into .cache/archives yourself',
    )
  }
  const stanza = (types, { uri, signedBy }, suites) =>
    [
      `Types: ${types}`,
      `URIs: ${uri}`,
      `Suites: ${suites.join(' ')}`,
      'Components: main',
      `Signed-By: ${signedBy ?? keyring}`,
      '',
    ].join('\n')
  const stanzas = [stanza('deb', archive, SUITES)]
  if (security)
    stanzas.push(
      stanza(
        'deb',
        security,
        SUITES.map((s) => `${s}-security`),
      ),
    )
  return stanzas.join('\n')
}

const options = [
  ['Dir::Etc::sourcelist', '/dev/null'],
  ['Dir::Etc::sourceparts', join(stateFolder, 'sources')],
  ['Dir::State::lists', join(stateFolder, 'lists')],
  ['Dir::Cache', join(stateFolder, 'cache')],
  ['APT::Sandbox::User', 'root'],
  ['Acquire::Languages', 'none'],
  ['Acquire::Retries', '3'],
].flatMap(([name, value]) => ['-o', `${name}=${value}`])

/** One at a time: two tools that run at once would find apt's own lock taken, and fail. */
function aptGet(words, folder) {
  mkdirSync(stateFolder, { recursive: true })
  const apt = ['apt-get', ...options, '-q', ...words]
  const alone = existsSync('/usr/bin/flock') ? ['flock', join(stateFolder, 'lock'), ...apt] : apt
  const run = spawnSync(alone[0], alone.slice(1), {
    cwd: folder,
    encoding: 'utf8',
    timeout: 600_000,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (run.error?.code === 'ENOENT') return { status: 127, output: 'apt-get is not installed' }
  if (run.status === 127 || run.status === 69)
    return { status: 127, output: `apt-get: ${run.stderr}` }
  return { status: run.status ?? 1, output: `${run.stdout}${run.stderr}` }
}

/** Brings our lists up to date where they are missing or old. `force`: in any case. */
function update(force) {
  const stamp = join(stateFolder, 'stamp')
  const sources = privateSources()
  if (!force && existsSync(stamp)) {
    const [time, known] = JSON.parse(readFileSync(stamp, 'utf8'))
    if (known === sources && Date.now() - time < LISTS_AGE_MAX_MS) return
  }
  for (const name of ['sources', 'lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(stateFolder, name), { recursive: true })
  }
  writeFileSync(join(stateFolder, 'sources', 'private.sources'), sources)
  process.stderr.write('Reading the package lists of bookworm and trixie (private apt state) ...\n')
  const { status, output } = aptGet(['update'], stateFolder)
  if (status !== 0) {
    throw new SetupError(`apt-get update failed in the private state:\n${lastLines(output)}`)
  }
  writeFileSync(stamp, JSON.stringify([Date.now(), sources]))
}

const lastLines = (output) => output.trim().split('\n').slice(-6).join('\n')

/** Runs one download into an empty folder; tries a second time with fresh lists. */
function download(words, folder) {
  let output = ''
  for (const force of [false, true]) {
    update(force)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const result = aptGet(words, folder)
    if (result.status === 0) return
    output = result.output
    if (result.status === 127) break
  }
  throw new SetupError(lastLines(output))
}

/** Downloads one binary package of exactly this version; the path of the `.deb`, likewise. */
export function downloadBinary(name, version, architecture) {
  const folder = join(stateFolder, 'download', `${name}_${architecture}-${process.pid}`)
  download(['download', `${name}:${architecture}=${version}`], folder)
  const file = readdirSync(folder).find((entry) => entry.endsWith('.deb'))
  if (!file)
    throw new SetupError(`apt-get download ${name}=${version} left no file in ${dirname(folder)}`)
  return join(folder, file)
}

/**
 * Downloads many binary packages by one call into a folder that may hold others. `wanted` are apt's
 * own words, `NAME:ARCHITECTURE=VERSION` or `NAME:ARCHITECTURE/SUITE`. Returns what apt complained of,
 * undefined when all came: where one of them is not to be had, apt fetches none.
 */
export function downloadTogether(wanted, folder, { fresh = false } = {}) {
  update(fresh)
  mkdirSync(folder, { recursive: true })
  const { status, output } = aptGet(['download', ...wanted], folder)
  return status === 0 ? undefined : output.trim()
}
