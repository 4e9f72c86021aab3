/** A daemon of every stock rsync of the field for a file of tests, each of which runs once against each. */

import { deadline } from '../support/deadline.ts'
import { type Daemon, type DaemonModule, startDaemon } from '../support/rsync-daemon.ts'
import { stockRsyncs } from '../support/stock-rsync.ts'
import { test } from '../support/suite.ts'

/** How a test is named and run; the daemons start before the first and end after the last. */
export type Each = (title: string, run: (daemon: Daemon, version: string) => Promise<void>) => void

/** `modules` is called once for each daemon, so that each locks files of its own. */
export function everyRsync(modules: () => DaemonModule[]): Each {
  const daemons: { version: string; daemon: Daemon }[] = []
  test.before(async () => {
    for (const { version, program } of await stockRsyncs()) {
      daemons.push({ version, daemon: await startDaemon(program, modules()) })
    }
  })
  test.after(async () => {
    for (const { daemon } of daemons) await daemon.stop()
  })
  return (title, run) =>
    test(title, async () => {
      for (const { version, daemon } of daemons) {
        try {
          await deadline(run(daemon, version))
        } catch (error) {
          if (error instanceof Error) error.message = `rsync ${version}: ${error.message}`
          throw error
        }
      }
    })
}
