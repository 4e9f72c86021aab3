/** The initramfs as `npm run firmware` makes it, unpacked: what the early boot of a laptop has to live on. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scratch } from './scratch.ts'
import { mustRun } from './stock-tool.ts'

const tool = new URL('../../../../tools/firmware.mjs', import.meta.url).href

let made: Promise<string> | undefined

/** A new folder with all of it; `files` by their paths are added. */
export async function unpackedInitramfs(files: Record<string, string>): Promise<string> {
  made ??= unpack()
  const folder = join(scratch('initramfs'), 'root')
  mustRun('cp', ['-a', await made, folder])
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content, { mode: 0o755 })
  }
  return folder
}

async function unpack(): Promise<string> {
  const { makeInitramfs } = await import(tool)
  const keys = scratch('keys')
  writeFileSync(join(keys, 'release.pub'), 'untrusted comment: replaced\n')
  const { gz } = await makeInitramfs({ to: scratch('firmware'), keys })
  const folder = join(scratch('initramfs'), 'root')
  mkdirSync(folder)
  mustRun('bsdtar', ['-xf', gz, '-C', folder])
  rmSync(join(folder, 'dev'), { recursive: true })
  return folder
}
