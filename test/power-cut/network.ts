/**
 * The network cut in a whole upgrade: sessions with a stock daemon are recorded once, then played back to a
 * laptop whose line dies after so many bytes of one direction. The upgrade must end with an error that
 * blames the line and no signature, and with whole trees; and it must then succeed from a stick.
 */
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { isSystemError, TrustError, UpgradeError } from '../../src/errors.ts'
import type { Sockets } from '../../src/host.ts'
import { openSource } from '../../src/source/open-source.ts'
import { nodeHost } from '../support/host.ts'
import { sourceOptions } from '../support/node-device.ts'
import { startDaemon } from '../support/rsync-daemon.ts'
import { type Piece, Recording, replayed } from '../vectors/recording.ts'
import { checkBooted, checkEnd, Refuted, type Verdicts } from './boot.ts'
import { recorded, VirtualDevice, type World } from './device.ts'
import type { Scenario, Stage } from './scenarios.ts'

type Direction = '<' | '>'
type Ending = 'closed' | 'reset'

/** A line that is dead after so many bytes of one direction, of all connections together. */
export function cutting(
  sockets: Sockets,
  direction: Direction,
  bytesMax: number,
  ending: Ending,
): Sockets {
  let bytes = 0
  const dead = (call: string) => systemError(call, undefined, 'EIO')
  return {
    ...sockets,
    async read(socket, buffer, offset, length, timeoutMs) {
      const left = direction === '<' ? bytesMax - bytes : length
      if (left <= 0 || (direction === '>' && bytes >= bytesMax)) {
        if (ending === 'reset') throw dead('read')
        return 0
      }
      const count = await sockets.read(socket, buffer, offset, Math.min(left, length), timeoutMs)
      if (direction === '<') bytes += count
      return count
    },
    async write(socket, buffer, offset, length, timeoutMs) {
      if (direction === '>') {
        bytes += length
        if (bytes > bytesMax) throw dead('write')
      }
      await sockets.write(socket, buffer, offset, length, timeoutMs)
    },
  }
}

interface NetworkProof {
  /** Bytes in both directions; at each the line may be cut in two ways. */
  bytes: number
  cuts: number
  /** Cuts that came too late to matter. */
  survived: number
  failures: string[]
}

interface NetworkOptions {
  /** Every so many bytes, beginning at `first`. */
  stride: number
  first: number
}

export async function proveNetwork(
  stage: Stage,
  scenario: Scenario,
  { stride, first }: NetworkOptions,
): Promise<NetworkProof> {
  const wire = await record(stage, scenario)
  const verdicts: Verdicts = new Map()
  const proof: NetworkProof = { bytes: 0, cuts: 0, survived: 0, failures: [] }
  for (const direction of ['<', '>'] as const) {
    const length = wire
      .flat()
      .reduce((sum, { from, bytes }) => sum + (from === direction ? bytes.length : 0), 0)
    proof.bytes += length
    for (let at = first % stride; at < length; at += stride) {
      for (const ending of ['closed', 'reset'] as const) {
        const connections = wire.map((pieces) => new Recording(pieces, () => 1000))
        const sockets = cutting(replayed(connections), direction, at, ending)
        const problem = await proveCut(overNetwork(stage.world, sockets), stage, scenario, {
          verdicts,
          proof,
        })
        if (problem) proof.failures.push(`${direction} ${ending} after ${at} bytes: ${problem}`)
      }
    }
  }
  return proof
}

/** The same laptop, whose source is a daemon behind these sockets. */
function overNetwork(world: World, sockets: Sockets, port = 873): World {
  return {
    ...world,
    source: (host, store) =>
      openSource({ ...host, sockets }, `rsync://127.0.0.1:${port}/xo`, sourceOptions(host, store)),
  }
}

/** What the daemon and the laptop say to each other if nothing goes wrong. */
async function record({ world, module }: Stage, scenario: Scenario): Promise<Piece[][]> {
  const daemon = await startDaemon('rsync', [{ name: 'xo', path: module }])
  const { sockets } = nodeHost()
  const connections: Piece[][] = []
  const of = new Map<object, Piece[]>()
  const note = (socket: object, from: string, bytes: Uint8Array) =>
    of.get(socket)?.push({ from, bytes: Buffer.from(bytes) })
  const listening: Sockets = {
    ...sockets,
    async connect(address, timeoutMs) {
      const socket = await sockets.connect(address, timeoutMs)
      of.set(socket, [])
      connections.push(of.get(socket) as Piece[])
      return socket
    },
    async read(socket, buffer, offset, length, timeoutMs) {
      const count = await sockets.read(socket, buffer, offset, length, timeoutMs)
      note(socket, '<', buffer.subarray(offset, offset + count))
      return count
    },
    async write(socket, buffer, offset, length, timeoutMs) {
      note(socket, '>', buffer.subarray(offset, offset + length))
      await sockets.write(socket, buffer, offset, length, timeoutMs)
    },
  }
  try {
    await recorded(overNetwork(world, listening, daemon.port), scenario.start, scenario.act)
  } finally {
    await daemon.stop()
  }
  return connections
}

async function proveCut(
  cut: World,
  stage: Stage,
  scenario: Scenario,
  { verdicts, proof }: { verdicts: Verdicts; proof: NetworkProof },
): Promise<string | undefined> {
  proof.cuts++
  const disk = scenario.start.snapshot()
  try {
    await scenario.act(new VirtualDevice(cut, disk))
    proof.survived++
  } catch (error) {
    const known = error instanceof UpgradeError || isSystemError(error)
    if (!known || error instanceof TrustError) return `ends with ${(error as Error).stack}`
  }
  try {
    const after = disk.snapshot()
    const { recover } = stage.world.program.flow
    await new VirtualDevice(stage.world, after).withStore((store) => recover(store))
    await checkBooted(after, scenario, verdicts)
    await scenario.act(new VirtualDevice(stage.world, after))
    await checkEnd(after, scenario, verdicts)
    return undefined
  } catch (failure) {
    const { message, stack } = failure as Error
    return failure instanceof Refuted ? message : (stack ?? message)
  }
}
