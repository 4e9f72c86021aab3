/**
 * Brings pinned binary packages into `.cache/packages`, each checked against its SHA-256 before anybody
 * reads it, and unpacked into a folder of its own.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder, run, SetupError, sha256OfFile } from '../workplace.mjs'
import { downloadBinary } from './private-apt.mjs'

const packageFolder = join(cacheFolder, 'packages')

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
