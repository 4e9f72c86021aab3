/**
 * Everything that can serve a module to an rsync client: the daemons of the field, and ours. One suite runs
 * over all of them, so that ours is held to what stock daemons do.
 */
import { type Daemon, type DaemonModule, startDaemon } from './rsync-daemon.ts'
import { stockRsyncs } from './stock-rsync.ts'

export interface ServerKind {
  name: string
  ours: boolean
  start(modules: DaemonModule[]): Promise<Daemon>
}

/** Ours first; then stock daemons, oldest first. */
export async function servers(): Promise<ServerKind[]> {
  return (await stockRsyncs()).map(({ version, program }) => ({
    name: `rsync ${version}`,
    ours: false,
    start: (modules) => startDaemon(program, modules),
  }))
}
