/**
 * Stands in for test/support/scratch.ts: folders below the one that the program's last word names,
 * which who started the engine removes.
 */
import { close, makeDirectory, openRoot } from 'native:files'
import { argv } from 'native:processes'

const root = argv.at(-1) ?? ''
let count = 0

export function scratch(name = 'test'): string {
  const folder = `xo-${name}-${++count}`
  const directory = openRoot(root)
  makeDirectory(directory, folder, 0o700)
  close(directory)
  return `${root}/${folder}`
}
