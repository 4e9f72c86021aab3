/**
 * The stock rsyncs of the field, for interoperability tests: each from its Debian package, unpacked
 * into `.cache`, and started through the libraries of its own suite where the machine's don't fit.
 * What the machine itself has installed is neither used nor changed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool, SetupError } from '../workplace.mjs'
import { fetchPackage } from './packages.mjs'

const pin = (version, sha256) => ({ version, sha256 })

/** What each suite's rsync is linked with. The first pin that the archive still has is taken. */
const LIBRARIES = {
  bookworm: {
    libc6: [
      pin('2.36-9+deb12u14', 'ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf'),
    ],
    libacl1: [pin('2.3.1-3', '8be9df5795114bfe90e2be3d208ef47a5edd3fc7b3e20d387a597486d444e5e2')],
    'liblz4-1': [
      pin('1.9.4-1', '64cde86cef1deaf828bd60297839b59710b5cd8dc50efd4f12643caaee9389d3'),
    ],
    libpopt0: [
      pin('1.19+dfsg-1', '6f94b488255acd996254f775c77ff3956557c61f860a3c9caeaf65457554194f'),
    ],
    libssl3: [
      pin('3.0.20-1~deb12u2', '89be24b41bff568ee6e7caf5680a3d808e80315ed92e407056ce0fa7a5bda025'),
      pin('3.0.22-1~deb12u2', 'cb4784740daa9b3b0eaea2b444bbefa686794afbbf3d678d238c1fd9875f2efd'),
    ],
    libxxhash0: [
      pin('0.8.1-1', '6c19a5d18c8350744581fbd25d5d29e2b7101053e25aafa4e1ffcc2b505b2f1c'),
    ],
    libzstd1: [
      pin('1.5.4+dfsg2-5', '6315b5ac38b724a710fb96bf1042019398cb656718b1522279a5185ed39318fa'),
    ],
    zlib1g: [
      pin('1:1.2.13.dfsg-1', 'd7dd1d1411fedf27f5e27650a6eff20ef294077b568f4c8c5e51466dc7c08ce4'),
    ],
  },
  trixie: {
    libc6: [
      pin('2.41-12+deb13u4', '967aa62605721081c3eb2a17650611a792aa802d76a6511d1840242623d204c9'),
    ],
    libacl1: [
      pin('2.3.2-2+b1', '08074f01e384bc07c0c2d79a58cf4a6523f71cf75d1808101c79617656c9a39d'),
    ],
    'liblz4-1': [
      pin('1.10.0-4', 'c31ec4c7c82755a38b2f3fe066fc0c5518cc91a601a268fbcd19bdacb1f22e1e'),
    ],
    libpopt0: [
      pin('1.19+dfsg-2', '07f649b706852af937654295697dcfc7858f3295718ec18681dce1704663e4f2'),
    ],
    libssl3t64: [
      pin('3.5.7-1~deb13u2', '916f7f40b34a06e6ebfaefcdab331bff458328411da672598f126a760472467d'),
      pin('3.5.7-1~deb13u3', 'ff16bc048bcd7d1b256094450b79c77947d8e76fe2a24bd99b91021d591fa074'),
    ],
    libxxhash0: [
      pin('0.8.3-2', '81da7064d56fc044f5db4bb3c1e80ff50a4986dcbbf80d958eeca565b44c157f'),
    ],
    libzstd1: [
      pin('1.5.7+dfsg-1', '2f6a2aeacfc925eba8b00ac9139bc4bfccf8cacb09eb93de067074b26948eef9'),
    ],
    zlib1g: [
      pin(
        '1:1.3.dfsg+really1.3.1-1+b1',
        '015be740d6236ad114582dea500c1d907f29e16d6db00566ca32fb68d71ac90d',
      ),
      pin(
        '1:1.3.dfsg+really1.3.1-1+deb13u1',
        '8c27c342230503b73dfde629642c3b352e87b554e06d60cf58772f236a305ceb',
      ),
    ],
  },
}

/** Protocol 31 in the field's oldest, 32 with the name-for-id-0 bit in the newest. */
const RSYNCS = [
  {
    version: '3.2.7',
    suite: 'bookworm',
    pins: [
      pin('3.2.7-1+deb12u6', 'ce99de6b36cbb62dc614a73463e467f2c1ef509545a9a2b33cab19b50530b672'),
    ],
  },
  {
    version: '3.4.1',
    suite: 'trixie',
    pins: [
      pin(
        '3.4.1+ds1-5+deb13u4',
        '8aa122f6ba8d2ff112c72bb9814ee096ee516f0213b36b98bbe79c83c92fb226',
      ),
    ],
  },
  {
    version: '3.5.0',
    suite: 'bookworm',
    pins: [
      pin(
        '3.5.0+ds1-0+deb12u1',
        '26ea59ef1c3d05595e9637002ace6f4e00181638b438ecad0f1cf1659ebb67ed',
      ),
    ],
  },
]

/** What `--version` says, or undefined where the program can't be started so. */
function versionOf(command) {
  const answer = spawnSync(command[0], [...command.slice(1), '--version'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  return answer.status === 0 ? /version (\S+)/.exec(answer.stdout)?.[1] : undefined
}

/** The words that start a program with the libraries of its own suite, C library and loader too. */
async function throughOwnLibraries(suite, program) {
  const folders = []
  let loader
  for (const [name, pins] of Object.entries(LIBRARIES[suite])) {
    const tree = await fetchPackage({ name, pins })
    for (const folder of ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']) {
      const path = join(tree, folder)
      if (!existsSync(path)) continue
      folders.push(path)
      const candidate = join(path, 'ld-linux-x86-64.so.2')
      if (existsSync(candidate)) loader = candidate
    }
  }
  return [loader, '--library-path', folders.join(delimiter), program]
}

async function rsyncBinary({ version, suite, pins }) {
  const program = join(await fetchPackage({ name: 'rsync', pins }), 'usr/bin/rsync')
  let command = [program]
  if (versionOf(command) !== version) command = await throughOwnLibraries(suite, program)
  const said = versionOf(command)
  if (said !== version) {
    throw new SetupError(
      `${command.join(' ')} should be rsync ${version}, but says ${said ?? 'nothing'}`,
    )
  }
  return { version, command }
}

/** @returns {Promise<Array<{ version: string, command: string[] }>>} oldest first */
export async function rsyncBinaries() {
  const found = []
  for (const rsync of RSYNCS) found.push(await rsyncBinary(rsync))
  return found
}

/**
 * The newest of them that can be had, or else the machine's own: for whoever needs just one.
 * @returns {Promise<{ version: string, command: string[] }>}
 */
export async function newestRsync() {
  const problems = []
  for (const rsync of [...RSYNCS].reverse()) {
    try {
      return await rsyncBinary(rsync)
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      problems.push(error.message)
    }
  }
  const version = versionOf(['rsync'])
  if (version) return { version, command: ['rsync'] }
  throw new SetupError(problems.join('\n'), 'check the network, or apt-get install rsync')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runTool(async () => {
    for (const { version, command } of await rsyncBinaries()) {
      process.stdout.write(`${version}  ${command.join(' ')}\n`)
    }
  })
}
