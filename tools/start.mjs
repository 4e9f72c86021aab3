/**
 * `npm start`: the main job on a real image, from an empty checkout. Builds the program, makes two releases
 * of a Debian system, publishes them, serves them with the stock rsync daemon, and takes a device from 41
 * to 42; then shows what the same upgrade costs with rsync alone. Every command is printed as it is run.
 * Whatever it makes besides the build and the cache is gone when it ends.
 */
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { grouped, table } from '../bench/figures.mjs'
import { runCommand } from './command-line.mjs'
import { startDaemon } from './daemon.mjs'
import { makeDemoTrees } from './demo/trees.mjs'
import { measured } from './measure.mjs'
import { withScratch } from './scratch.mjs'
import { setUp } from './setup.mjs'
import { newestRsync } from './sources/rsync-binaries.mjs'
import { cacheFolder, projectFolder, SetupError } from './workplace.mjs'

const COMMANDS = { plain: ['-a'], compressed: ['-az'] }

const say = (text) => process.stdout.write(`${text}\n`)

let step = 0
function headline(text) {
  step++
  const bold = process.stdout.isTTY ? ['\x1b[1m', '\x1b[0m'] : ['', '']
  say(`\n${bold[0]}${step}. ${text}${bold[1]}`)
}

/** A path as a person in the project's folder would type it. */
const short = (path) =>
  path.startsWith(`${projectFolder}/`) ? relative(projectFolder, path) : path

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`)

/** Announces a command, runs it with the terminal, and stops the demonstration if it fails. */
async function show(folder, words, { quiet = false } = {}) {
  const command = words.map((word) => word.replaceAll(`${projectFolder}/`, ''))
  say(`$ ${command.map(quoted).join(' ')}`)
  const result = await measured(command, { folder, terminal: !quiet })
  if (result.status === 0) return result
  const said = quiet ? `\n${result.output.trim().split('\n').slice(-20).join('\n')}` : ''
  throw new SetupError(`${command.slice(0, 2).join(' ')} ended with status ${result.status}${said}`)
}

function requireRoot() {
  if (process.getuid() === 0) return
  throw new SetupError(
    'the demonstration needs root: it makes root file systems with their owners, devices and capabilities',
    'run it again as root: sudo npm start',
  )
}

async function buildProgram() {
  headline('Set up and build')
  say('$ npm run setup build && npm run build')
  setUp('build')
  // The bundler is an npm package, which comes only with the set-up.
  const { build } = await import('./build.mjs')
  const { program } = await build()
  if (!program) throw new SetupError('the build made no program')
  say(`${short(program)} is built.`)
  return program
}

async function makeTrees() {
  headline('Two releases of a real root file system')
  say('$ node tools/demo/trees.mjs')
  const trees = await makeDemoTrees()
  say(`${short(trees.old)}\n${short(trees.new)}`)
  return trees
}

async function publishBoth(folder, program, trees) {
  headline('Keys, and both releases published')
  const keys = join(folder, 'keys')
  const module = join(folder, 'module')
  for (const made of [keys, module]) mkdirSync(made)
  await show(folder, [program, 'keygen', '--to', keys])
  const publish = (version, image, more) => {
    const key = join(keys, 'release.sec')
    const words = ['--image', image, '--version', version, '--to', module, '--key', key, ...more]
    // The program that also makes packs.
    return show(folder, [`${program}-publisher`, 'publish', ...words])
  }
  await publish('41', trees.old, [])
  await publish('42', trees.new, ['--delta-from', '41'])
  return { module, key: join(keys, 'release.pub') }
}

/**
 * The device's side: install 41, upgrade to 42 by pack, and a copy of it file by file; prove it, swap.
 * Returns what the upgrades cost.
 */
async function upgradeDevice(folder, program, daemon, key) {
  const [path, copy] = [join(folder, 'store'), join(folder, 'store-by-file')]
  const from = ['--source', daemon.url('xo'), '--keys', key]
  headline('A device with release 41, and another one like it')
  await show(folder, [program, 'install', '--version', '41', '--store', path, ...from])
  await show(folder, ['cp', '-a', path, copy], { quiet: true })

  const upgrade = async (name, store, more) => {
    await daemon.takeCounts()
    const client = await show(folder, [program, 'upgrade', '--store', store, ...from, ...more])
    const files = numberIn(client.output, /([0-9,]+) files/)
    return { name, wall: client.wall, files, ...(await daemon.takeCounts()) }
  }
  headline('The upgrade to release 42, by pack')
  const byPack = await upgrade('by pack', path, [])
  headline('The same without the pack, file by file')
  const byFile = await upgrade('by file', copy, ['--no-packs'])

  headline('Proof, swap, status')
  const store = ['--store', path]
  const proof = ['--tree', 'upgraded-root', '--full', '--keys', key]
  const verified = await show(folder, [program, 'verify', ...store, ...proof])
  await show(folder, [program, 'swap', ...store])
  await show(folder, [program, 'status', ...store])
  const entries = numberIn(verified.output, /([0-9,]+) entries/)
  return [
    { ...byPack, entries },
    { ...byFile, entries },
  ]
}

/** The same upgrade by rsync alone, from its own copy of 41. */
async function upgradeByRsync(folder, rsync, daemon) {
  headline('The same upgrade with stock rsync')
  const old = join(folder, 'rsync-41')
  // rsync takes a relative --link-dest from its target folder.
  const linked = '--link-dest=../rsync-41'
  const source = (version) => `${daemon.url('xo')}/${version}/root/`
  await show(folder, [...rsync.command, '-a', source(41), `${old}/`], { quiet: true })
  const costs = []
  for (const [kind, options] of Object.entries(COMMANDS)) {
    const target = join(folder, `rsync-42-${kind}`)
    const words = [...options, '--delete', '--stats', linked]
    await daemon.takeCounts()
    const command = [...rsync.command, ...words, source(42), `${target}/`]
    const client = await show(folder, command, { quiet: true })
    costs.push({
      name: `rsync ${options[0]}`,
      wall: client.wall,
      entries: numberIn(client.output, /Number of files: ([0-9,]+)/),
      files: numberIn(client.output, /regular files transferred: ([0-9,]+)/),
      ...(await daemon.takeCounts()),
    })
  }
  return costs
}

function numberIn(output, pattern) {
  const found = pattern.exec(output)?.[1]
  return found === undefined ? undefined : Number(found.replace(/,/g, ''))
}

function showTable(costs, rsync) {
  const count = (value) => (value === undefined ? '?' : grouped(value))
  const rows = [
    ['', ...costs.map(({ name }) => name)],
    ['entries in release 42', ...costs.map(({ entries }) => count(entries))],
    ['files brought', ...costs.map(({ files }) => count(files))],
    ['bytes received', ...costs.map(({ received }) => count(received))],
    ['bytes sent', ...costs.map(({ sent }) => count(sent))],
    ['bytes in both directions', ...costs.map(({ received, sent }) => count(received + sent))],
    ['seconds', ...costs.map(({ wall }) => wall.toFixed(1))],
  ]
  headline('What it cost')
  say(`\n${table(rows)}\n`)
  say(
    `rsync ${rsync.version} with --delete --link-dest, from the same daemon and from the same 41. Bytes are\n` +
      'the payload of TCP, counted by the kernel. xo-upgrade also checked a signature and every file.',
  )
}

async function main() {
  requireRoot()
  say('XO Field Upgrade: a laptop upgrades its whole system from a stock rsync daemon.')
  const program = await buildProgram()
  const trees = await makeTrees()
  const rsync = await newestRsync()
  await withScratch(cacheFolder, 'start', async (folder) => {
    const { module, key } = await publishBoth(folder, program, trees)
    headline(`The stock daemon: rsync ${rsync.version}`)
    const daemon = await startDaemon({ rsync, modules: { xo: module }, folder })
    say(`$ ${daemon.command.map(short).map(quoted).join(' ')}`)
    say(`answers at ${daemon.url('xo')}, started for each connection as inetd does`)
    const own = await upgradeDevice(folder, program, daemon, key)
    showTable([...own, ...(await upgradeByRsync(folder, rsync, daemon))], rsync)
  })
}

const USAGE = {
  call: 'npm start --',
  about: 'Shows the whole job on a real Debian system, every command as it is run.',
}

await runCommand(import.meta.url, USAGE, main)
