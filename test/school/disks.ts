/** The disks that a school's machines begin with: the server's module, and a laptop with the old release. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemErrorOf } from '../../native/system-error.node.ts'
import { copyTree } from '../../runtime/emulator/disk/copy.ts'
import { put } from '../../runtime/emulator/disk-image.ts'
import { runOnLaptop } from '../../runtime/emulator/laptop.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import { scratch } from '../support/scratch.ts'
import { OLD, type Pair, publishPair } from './pair.ts'

const DISK_BYTES = 512 * 1024 * 1024
const MEMORY_BYTES = 24 * 1024 * 1024
const KEY_FOLDER = '/etc/xo-upgrade/keys'
export const MODULE = '/srv/xo'

export interface Disks {
  laptop: VirtualDisk
  server: VirtualDisk
}

interface Bundle {
  name: string
  text: string
}

/** Publishes the pair with a key that the seed makes, and installs the old release on a laptop. */
export async function makeDisks(pair: Pair, bundle: Bundle, seed: number): Promise<Disks> {
  const [bare, keyDisk, server] = [emptyDisk(), emptyDisk(), emptyDisk()]
  await run(keyDisk, bundle, seed, ['keygen', '--to', '/root'])
  const keys = scratch('school-keys')
  for (const name of ['release.pub', 'release.sec']) {
    writeFileSync(join(keys, name), readAll(keyDisk, `root/${name}`), { mode: 0o600 })
  }
  const module = publishPair(pair, join(keys, 'release.sec'))
  put(virtualFiles(server), module, MODULE)
  // A byte stands for many, so a client has to wait that many times as long for the same share of the air:
  // few at once keep each of them above what the server calls too slow.
  configure(server, ['[serve]', 'clients = 8'])
  put(virtualFiles(bare), join(keys, 'release.pub'), `${KEY_FOLDER}/release.pub`)
  const installing = bare.snapshot()
  put(virtualFiles(installing), module, '/module')
  const words = ['install', '--version', `${OLD}`, '--source', 'file:///module']
  await run(installing, bundle, seed, words)
  const laptop = bare.snapshot()
  copyFolder(installing, laptop, 'xo')
  return { laptop, server }
}

/** Gives a disk that has none yet its configuration. */
export function configure(disk: VirtualDisk, lines: readonly string[]): void {
  const path = join(scratch('school-settings'), 'conf')
  writeFileSync(path, `${lines.join('\n')}\n`)
  put(virtualFiles(disk), path, '/etc/xo-upgrade.conf')
}

function emptyDisk(): VirtualDisk {
  const disk = new VirtualDisk({ bytes: DISK_BYTES })
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  for (const name of ['etc', 'root', 'run', 'srv', 'tmp']) files.makeDirectory(root, name, 0o755)
  files.close(root)
  return disk
}

function readAll(disk: VirtualDisk, name: string): Uint8Array {
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  const fd = files.openRead(root, name)
  const bytes = new Uint8Array(files.stat(root, name)?.size ?? 0)
  files.read(fd, bytes, 0, bytes.length)
  files.close(fd)
  files.close(root)
  return bytes
}

function copyFolder(source: VirtualDisk, target: VirtualDisk, name: string): void {
  const [from, to] = [virtualFiles(source), virtualFiles(target)]
  const root = to.openRoot('/')
  to.makeDirectory(root, name, 0o755)
  to.close(root)
  const places = { source: from.openRoot(`/${name}`), target: to.openRoot(`/${name}`) }
  copyTree({ files: from, root: places.source }, { files: to, root: places.target })
  from.close(places.source)
  to.close(places.target)
}

/** On a machine without a network. */
async function run(
  disk: VirtualDisk,
  bundle: Bundle,
  seed: number,
  words: string[],
): Promise<void> {
  const clock = new VirtualClock()
  const nobody = (host: string) => systemErrorOf('resolve', host, 'ENOTFOUND')
  const peers = {
    resolve: async (host: string) => Promise.reject(nobody(host)),
    connect: async () => Promise.reject(nobody('anywhere')),
  }
  let said = ''
  const terminal = {
    write(_fd: number, bytes: Uint8Array) {
      said += Buffer.from(bytes).toString()
    },
    isTerminal: false,
    columns: () => 80,
  }
  const network = new VirtualNetwork(clock, peers, UNSHAPED, seed)
  const files = virtualFiles(disk)
  const argv = ['xo-upgrade', ...words]
  const laptop = { files, clock, network, terminal, seed, argv, environment: {} }
  const { status } = await runOnLaptop(laptop, { bundle, memoryBytes: MEMORY_BYTES })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${said}`)
}
