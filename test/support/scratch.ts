/** Temporary directories for tests; all are removed when the test process ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directories: string[] = []

process.on('exit', () => {
  // A server that was told to end may still be writing its last line.
  const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }
  for (const directory of directories) rmSync(directory, options)
})

/** A new, empty directory. */
export function scratch(name = 'test'): string {
  const directory = mkdtempSync(join(tmpdir(), `xo-${name}-`))
  directories.push(directory)
  return directory
}
