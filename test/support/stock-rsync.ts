/** The daemons of the field. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export interface Rsync {
  version: string
  /** A program that is this rsync. */
  program: string
}

/** The stock rsyncs that the tools unpack, oldest first. */
export async function stockRsyncs(): Promise<Rsync[]> {
  // The tools are plain JavaScript, outside what the tests compile.
  const tool = new URL('../../../../tools/sources/rsync-binaries.mjs', import.meta.url).href
  const { rsyncBinaries } = (await import(tool)) as {
    rsyncBinaries(): Promise<{ version: string; command: string[] }[]>
  }
  return (await rsyncBinaries()).map(({ version, command }) => {
    const [only] = command
    if (command.length === 1 && only !== undefined) return { version, program: only }
    const program = join(scratch('rsync'), 'rsync')
    const words = command.map((word) => `'${word}'`).join(' ')
    writeFileSync(program, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
    return { version, program }
  })
}
