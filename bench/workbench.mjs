/**
 * What every case of the benchmark works with: the scratch folder, the published modules, the daemon
 * that serves them, and one measured run of either client. The cases decide what stands where before
 * a run; nothing here knows one case from another.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { startDaemon } from '../tools/daemon.mjs'
import { measured } from '../tools/measure.mjs'
import { SetupError } from '../tools/workplace.mjs'
import { openLine } from './line.mjs'

const KIB_PER_MIB = 1024

/** A school's line by satellite, in 2007 and in many places today. */
export const LINE = { bytesPerSecond: 2e6 / 8, roundTripMs: 300 }

export class Workbench {
  constructor({ folder, program, rsync, daemon }) {
    this.folder = folder
    this.program = program
    this.rsync = rsync
    this.daemon = daemon
    this.port = daemon.port
    this.removedCount = 0
  }

  path(...parts) {
    return join(this.folder, ...parts)
  }

  url(module) {
    return `rsync://127.0.0.1:${this.port}/${module}`
  }

  /** The words of an `xo-upgrade` command of a device whose store has this name. */
  upgrader(command, store, module, words = []) {
    const key = this.path('keys/release.pub')
    const from = module ? ['--source', this.url(module), '--keys', key] : []
    return [this.program, command, ...words, '--store', this.path(store), '--json', ...from]
  }

  /** The words of a stock rsync that brings the same tree. */
  stock(options, module, version, target, linked) {
    const link = linked ? [`--link-dest=${this.path(linked)}`] : []
    const source = `${this.url(module)}/${version}/root/`
    return [...this.rsync.command, ...options, '--delete', ...link, source, `${this.path(target)}/`]
  }

  /** Runs something whose cost does not count towards a case; its output. Its failure is the benchmark's. */
  async prepare(command) {
    return succeed(await measured(command, { folder: this.folder }), command)
  }

  /**
   * One measured run. The disk is quiet when it begins; how long the disk then needs to have it all
   * is counted apart, because only `xo-upgrade` waits for that by itself.
   */
  async measure(command) {
    await this.prepare(['sync', '-f', this.folder])
    await this.daemon.takeCounts()
    const client = await measured(command, { folder: this.folder })
    const server = await this.daemon.takeCounts()
    const before = performance.now()
    await this.prepare(['sync', '-f', this.folder])
    const syncSeconds = (performance.now() - before) / 1000
    succeed(client, command)
    return {
      wall: client.wall,
      wallSynced: client.wall + syncSeconds,
      clientCpu: client.user + client.system,
      serverCpu: server.user + server.system,
      clientPeakMiB: client.peakKiB / KIB_PER_MIB,
      written: client.written,
      received: server.received,
      sent: server.sent,
      bytes: server.received + server.sent,
      connections: server.connections,
      report: lastResult(client.output),
    }
  }

  /**
   * One run over a slow line: the seconds, and the round trips. `commandOf` makes the command once its
   * address is known.
   */
  async measureOver(shape, commandOf) {
    const line = await openLine({ port: this.daemon.port, ...shape })
    this.port = line.port
    try {
      const command = commandOf()
      const client = await measured(command, { folder: this.folder })
      succeed(client, command)
      return { wall: client.wall, roundTrips: line.roundTrips() }
    } finally {
      this.port = this.daemon.port
      await line.close()
      await this.daemon.takeCounts()
    }
  }

  /**
   * Puts trees out of the way, without deleting them before all is over: ext4 does not use an inode
   * again for minutes after its file was deleted, and whoever makes files in the meantime pays for the search.
   */
  remove(...names) {
    for (const name of names) {
      if (!existsSync(this.path(name))) continue
      mkdirSync(this.path('removed'), { recursive: true })
      renameSync(this.path(name), this.path('removed', String(this.removedCount++)))
    }
  }

  /** A second tree of the same inodes: the cheapest way back to where a run began. */
  async cloneByLinks(from, to) {
    this.remove(to)
    await this.prepare(['cp', '-al', this.path(from), this.path(to)])
  }

  /** Where the tree that a client made differs from the tree that was published: nothing, or lines. */
  async difference(published, made, options = '-aniH') {
    const command = [
      ...this.rsync.command,
      options,
      '--delete',
      `${published}/`,
      `${this.path(made)}/`,
    ]
    return (await this.prepare(command)).trim()
  }
}

/** The output of a command that worked. */
function succeed({ status, output }, command) {
  if (status === 0) return output
  const shown = output.trim().split('\n').slice(-20).join('\n')
  throw new SetupError(`status ${status} of: ${command.join(' ')}\n${shown}`)
}

/** The last result line that `--json` wrote; undefined where the client was another. */
function lastResult(output) {
  for (const line of output.split('\n').reverse()) {
    if (!line.startsWith('{')) continue
    const record = JSON.parse(line)
    if (record.event === 'result') return record
  }
  return undefined
}

/**
 * Publishes what the cases need: module `xo` with 40 and 41 (old) and 42 (new), module `touched` with
 * 41 (old) and 42 (old, with all times new); with packs from 41 to 42, and of all of 42 where a fresh install is measured.
 */
async function publishAll({ folder, program, oldTree, newTree, needed, say }) {
  const execute = async (command) => succeed(await measured(command, { folder }), command)
  // The program that makes packs, beside the one that takes them.
  const publisher = `${program}-publisher`
  const publish = async (module, version, image, packs = []) => {
    say(`publishing ${basename(image)} as ${module}/${version}`)
    const key = join(folder, 'keys/release.sec')
    const to = join(folder, module)
    mkdirSync(to, { recursive: true })
    const words = ['--image', image, '--version', String(version), '--to', to, '--key', key]
    const deltas = packs.flatMap((from) => ['--delta-from', from])
    await execute([publisher, 'publish', '--any-tree', ...words, ...deltas])
  }
  mkdirSync(join(folder, 'keys'))
  await execute([program, 'keygen', '--to', join(folder, 'keys')])
  if (needed.has('recycled')) await publish('xo', 40, oldTree)
  await publish('xo', 41, oldTree)
  await publish('xo', 42, newTree, needed.has('fresh') ? ['41', 'none'] : ['41'])
  const touched = join(folder, 'touched-image')
  if (needed.has('touched')) {
    say('making a tree with all times new')
    await execute(['cp', '-a', oldTree, touched])
    await execute(['find', touched, '-exec', 'touch', '-h', '-d', '@1800000000', '{}', '+'])
    await publish('touched', 41, oldTree)
    await publish('touched', 42, touched, ['41'])
  }
  return { old: oldTree, new: newTree, touched }
}

/** Sets it all up in an empty folder. The daemon ends with whatever `measure.mjs` started. */
export async function openWorkbench({ folder, program, rsync, oldTree, newTree, needed, say }) {
  const trees = await publishAll({ folder, program, oldTree, newTree, needed, say })
  const modules = { xo: join(folder, 'xo'), touched: join(folder, 'touched') }
  const daemon = await startDaemon({ rsync, modules, folder })
  return { bench: new Workbench({ folder, program, rsync, daemon }), trees }
}
