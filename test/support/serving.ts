/** Our own rsync daemon in the test's process, at a port of its own. */
import { openSync } from 'node:fs'
import type { Fd } from '../../src/host.ts'
import type { OfferedModule, OfferedPlace, OfferedView } from '../../src/serve/offering.ts'
import { type ServedClient, type ServeOptions, serveConnection } from '../../src/serve/serve.ts'
import { nodeHost } from './host.ts'

interface Serving {
  port: number
  /** Who was served, in the order in which they ended. */
  served: ServedClient[]
  /** What was noted, a line each. */
  notes: string[]
  stop(): Promise<void>
}

/** A module that offers a whole folder, or places of it. */
export function moduleOf(
  folder: string,
  more: Partial<OfferedModule> & {
    places?: (directory: Fd) => OfferedPlace[]
    withheld?: OfferedView['withheld']
  } = {},
): OfferedModule {
  const { places, withheld, ...rest } = more
  const directory = openSync(folder, 'r')
  const view: OfferedView = {
    places: places?.(directory) ?? [{ at: '.', directory, path: '.' }],
    ...(withheld && { withheld }),
    close: () => {},
  }
  return { name: 'xo', comment: 'what a laptop has', open: () => view, ...rest }
}

/** Serves until it is stopped. */
export function startServing(
  modules: readonly OfferedModule[],
  more: Partial<ServeOptions> = {},
  host = nodeHost(),
): Serving {
  const listener = host.sockets.listen({ host: '127.0.0.1', port: 0 }, 10)
  const served: ServedClient[] = []
  const notes: string[] = []
  const failures: unknown[] = []
  const going = new Set<Promise<void>>()
  const serve = async (socket: object) => {
    try {
      const options = { client: 'a client', timeoutMs: 10_000, handshakeMs: 10_000, ...more }
      const note = (words: string) => void notes.push(words)
      served.push(
        await serveConnection(host, socket, { modules: () => modules }, { note, ...options }),
      )
    } catch (error) {
      failures.push(error)
    }
  }
  const accepting = (async () => {
    for (;;) {
      const { socket } = await host.sockets.accept(listener)
      const one = serve(socket).finally(() => going.delete(one))
      going.add(one)
    }
  })().catch(() => {})
  return {
    port: host.sockets.localPort(listener),
    served,
    notes,
    async stop() {
      host.sockets.closeListener(listener)
      await accepting
      await Promise.all(going)
      if (failures.length > 0) throw failures[0]
    },
  }
}
