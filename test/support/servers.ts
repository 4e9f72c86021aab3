/**
 * Everything that can serve a module to an rsync client: the daemons of the field, and ours. One suite runs
 * over all of them, so that ours is held to what stock daemons do.
 */
import { readFileSync } from 'node:fs'
import { type Daemon, type DaemonModule, startDaemon } from './rsync-daemon.ts'
import { moduleOf, startServing } from './serving.ts'
import { stockRsyncs } from './stock-rsync.ts'

export interface ServerKind {
  name: string
  ours: boolean
  start: (modules: DaemonModule[]) => Promise<Daemon>
}

export const OURS = 'our session'

/** Ours first; then stock daemons, oldest first. */
export async function servers(): Promise<ServerKind[]> {
  const ours: ServerKind = { name: OURS, ours: true, start: startOurs }
  const stock = (await stockRsyncs()).map(({ version, program }) => ({
    name: `rsync ${version}`,
    ours: false,
    start: (modules: DaemonModule[]) => startDaemon(program, modules),
  }))
  return [ours, ...stock]
}

/** In this process. */
async function startOurs(modules: DaemonModule[]): Promise<Daemon> {
  const offered = modules.map(({ name, path, settings = {} }) => {
    const { 'secrets file': secrets, comment = '' } = settings
    return moduleOf(path, { name, comment, ...(secrets && { secrets: passwordsIn(secrets) }) })
  })
  return { ...startServing(offered), pid: process.pid, logFile: '' }
}

function passwordsIn(file: string): ReadonlyMap<string, string> {
  const lines = readFileSync(file, 'latin1').trim().split('\n')
  return new Map(lines.map((line) => line.split(':') as [string, string]))
}
