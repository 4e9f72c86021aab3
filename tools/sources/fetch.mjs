/**
 * Brings the pinned archives and packages into `.cache`, each checked against its SHA-256 before
 * anybody reads it. The order: cache folder, Debian's source package, upstream's address. A file that
 * fails its check is thrown away and fetched once more. `node tools/sources/fetch.mjs` brings all archives.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder, run, runTool, SetupError, sha256OfFile } from '../workplace.mjs'
import { archives } from './archives.mjs'
import { downloadBinary, downloadSource } from './private-apt.mjs'

const archiveFolder = join(cacheFolder, 'archives')
const packageFolder = join(cacheFolder, 'packages')
/** An upstream server that says nothing for this long is given up (milliseconds). */
const UPSTREAM_TIMEOUT_MS = 120_000

/** Whether the file is there and holds what was pinned; says on stderr where it does not. */
function holds(path, sha256, problems) {
  if (!existsSync(path)) return false
  const found = sha256OfFile(path)
  if (found === sha256) return true
  problems.push(`${path}: expected SHA-256 ${sha256}, found ${found}`)
  process.stderr.write(`${path} is broken (SHA-256 ${found}); fetching it again ...\n`)
  rmSync(path, { force: true })
  return false
}

/**
 * Takes a download out of its folder. Copies beside the place, then renames: a cut never leaves half a
 * file under the real name.
 */
function keep(from, path) {
  mkdirSync(join(path, '..'), { recursive: true })
  const partial = `${path}.partial-${process.pid}`
  copyFileSync(from, partial)
  renameSync(partial, path)
  rmSync(dirname(from), { recursive: true, force: true })
}

async function fromUpstream(url, path) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(UPSTREAM_TIMEOUT_MS) })
  if (!answer.ok) throw new SetupError(`${url}: HTTP ${answer.status}`)
  mkdirSync(join(path, '..'), { recursive: true })
  const partial = `${path}.partial-${process.pid}`
  writeFileSync(partial, Buffer.from(await answer.arrayBuffer()))
  renameSync(partial, path)
}

/** The ways to one form of an archive, in order, each tried twice where what came was broken. */
async function fetchForm(form, path, problems) {
  const ways = []
  if (form.debianPackage) {
    ways.push(() => keep(downloadSource(form.debianPackage, form.file), path))
  }
  if (form.url) ways.push(() => fromUpstream(form.url, path))
  for (const way of ways) {
    for (let tries = 0; tries < 2; tries++) {
      try {
        await way()
      } catch (error) {
        problems.push(
          error.cause?.message ? `${error.message}: ${error.cause.message}` : error.message,
        )
        break
      }
      if (holds(path, form.sha256, problems)) return true
    }
  }
  return false
}

/** The path of a source archive whose content was checked. */
export async function fetchArchive(name) {
  const archive = archives[name]
  const problems = []
  for (const form of archive.forms) {
    const path = join(archiveFolder, form.file)
    if (holds(path, form.sha256, problems)) return path
  }
  process.stderr.write(`Fetching the source of ${archive.name} ${archive.version} ...\n`)
  for (const form of archive.forms) {
    const path = join(archiveFolder, form.file)
    if (await fetchForm(form, path, problems)) return path
  }
  const wanted = archive.forms.map((form) => `${form.file} (SHA-256 ${form.sha256})`).join(' or ')
  throw new SetupError(
    `the source of ${archive.name} ${archive.version} could not be had:\n  ${problems.join('\n  ')}`,
    `put ${wanted} into ${archiveFolder}`,
  )
}

/** The digest of every form that would do; it stands in the names of what is built from it. */
export function archiveIdentity(name) {
  return archives[name].forms.map((form) => form.sha256).join(' ')
}

/**
 * The folder into which one binary package was unpacked. `pins`: the acceptable versions, best first
 * (Debian drops a version from its pool when it replaces it).
 * @param {{ name: string, architecture?: string, pins: { version: string, sha256: string }[] }} wanted
 */
export async function fetchPackage({ name, architecture = 'amd64', pins }) {
  const problems = []
  const place = ({ version, sha256 }) => {
    const base = `${name}_${version.replace(/:/g, '%3a')}_${architecture}`
    return {
      file: join(packageFolder, `${base}.deb`),
      tree: join(packageFolder, `${base}-${sha256.slice(0, 12)}`),
    }
  }
  const unpacked = pins.map(place).find(({ tree }) => existsSync(tree))
  if (unpacked) return unpacked.tree
  for (const pin of pins) {
    const { file, tree } = place(pin)
    for (let tries = 0; tries < 2 && !holds(file, pin.sha256, problems); tries++) {
      try {
        process.stderr.write(`Fetching the package ${name} ${pin.version} ...\n`)
        keep(downloadBinary(name, pin.version, architecture), file)
      } catch (error) {
        problems.push(`${name} ${pin.version}: ${error.message}`)
        break
      }
    }
    if (!existsSync(file) || !holds(file, pin.sha256, problems)) continue
    const partial = `${tree}.partial-${process.pid}`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial, { recursive: true })
    await run(['dpkg-deb', '-x', file, partial])
    // Another tool may have unpacked it meanwhile.
    if (existsSync(tree)) rmSync(partial, { recursive: true, force: true })
    else renameSync(partial, tree)
    return tree
  }
  const versions = pins.map(
    (pin) => `${name}_${pin.version}_${architecture}.deb (SHA-256 ${pin.sha256})`,
  )
  throw new SetupError(
    `no pinned version of the package ${name} could be had (Debian drops replaced versions):\n  ${problems.join('\n  ')}`,
    `put ${versions.join(' or ')} into ${packageFolder}, or pin the version that Debian has now`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runTool(async () => {
    for (const name of Object.keys(archives)) process.stdout.write(`${await fetchArchive(name)}\n`)
  })
}
