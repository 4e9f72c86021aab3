/** `npm run test:boot`: sets up, builds, and boots everything of `test/boot/` in QEMU; its words are handed on. */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (...words) => spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' }).status

const steps = [
  ['tools/setup.mjs', 'build', 'boot'],
  ['tools/build.mjs', '--quiet'],
  ['tools/tests/transpile.mjs'],
  ['--enable-source-maps', 'build/test/test/boot/main.js', ...process.argv.slice(2)],
]
for (const words of steps) {
  process.exitCode = run(...words) ?? 1
  if (process.exitCode !== 0) break
}
