/** Temporary directories for tests; all are removed when the test process ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directories: string[] = []

process.on('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A new, empty directory. */
export function scratch(name = 'test'): string {
  const directory = mkdtempSync(join(tmpdir(), `xo-${name}-`))
  directories.push(directory)
  return directory
}
