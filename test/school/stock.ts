/**
 * A stock rsync on each laptop and a stock daemon in the school, as far as the air is concerned: as many
 * bytes in each direction as were measured, in one connection each, both directions at once.
 */
import type { Station } from '../../runtime/emulator/radio/mesh.ts'
import type { Radio } from '../../runtime/emulator/radio/radio.ts'
import type { Stream } from '../../runtime/emulator/virtual-socket.ts'
import type { StockCost } from './pair.ts'

const PORT = 873
const CONNECT_MS = 3_600_000
/** What rsync writes at once. */
const PIECE_BYTES = 8192

/** Serves whoever comes, for as long as the radio lives. */
export async function serveStock(radio: Radio, server: Station, { downBytes }: StockCost) {
  const listener = radio.peersOf(server).listen?.(PORT)
  if (!listener) throw new Error('the radio lets nobody listen')
  for (;;) {
    const { stream } = await listener.accept()
    void talk(stream, downBytes)
  }
}

/** One stock rsync, to its end. */
export async function takeByStock(
  radio: Radio,
  laptop: Station,
  server: Station,
  { upBytes }: StockCost,
): Promise<void> {
  const address = { family: 4 as const, address: radio.addressOf(server), port: PORT }
  const stream = await radio.peersOf(laptop).connect(address, CONNECT_MS)
  await talk(stream, upBytes)
}

async function talk(stream: Stream, bytes: number): Promise<void> {
  const hear = async () => {
    while ((await stream.read()) !== undefined);
  }
  const say = async () => {
    for (let left = bytes; left > 0; left -= PIECE_BYTES) {
      await stream.write(new Uint8Array(Math.min(left, PIECE_BYTES)))
    }
    stream.shutdown()
  }
  await Promise.all([hear(), say()])
  stream.close()
}
