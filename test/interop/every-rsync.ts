/** A daemon of everything that serves, for a file of tests, each of which runs once against each. */

import { deadline } from '../support/deadline.ts'
import type { Daemon, DaemonModule } from '../support/rsync-daemon.ts'
import { servers } from '../support/servers.ts'
import { test } from '../support/suite.ts'

/** How a test is named and run; the daemons start before the first and end after the last. */
export type Each = (title: string, run: (daemon: Daemon, name: string) => Promise<void>) => void

/**
 * Every stock rsync of the field. `modules` is called once for each daemon, so that each locks files of its
 * own.
 */
export const everyRsync = (modules: () => DaemonModule[]): Each => every(modules, false)

/** Our own server as well, which knows few of a stock daemon's settings. */
export const everyServer = (modules: () => DaemonModule[]): Each => every(modules, true)

function every(modules: () => DaemonModule[], withOurs: boolean): Each {
  const daemons: { name: string; daemon: Daemon }[] = []
  test.before(async () => {
    for (const { name, ours, start } of await servers()) {
      if (ours && !withOurs) continue
      daemons.push({ name, daemon: await start(modules()) })
    }
  })
  test.after(async () => {
    for (const { daemon } of daemons) await daemon.stop()
  })
  return (title, run) =>
    test(title, async () => {
      for (const { name, daemon } of daemons) {
        try {
          await deadline(run(daemon, name))
        } catch (error) {
          if (error instanceof Error) error.message = `${name}: ${error.message}`
          throw error
        }
      }
    })
}
