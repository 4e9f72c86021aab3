/**
 * `npm run size`: how large the program and the initramfs are, what takes the room, and how long the
 * program takes to start, if this machine can start it. Reads the linker's map, which lists each input
 * section with its size and the object it came from.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { targets } from '../firmware/targets/targets.mjs'
import { build, buildNeeds, targetOption } from './build.mjs'
import { runCommand } from './command-line.mjs'
import { initramfsEntries, makeInitramfs } from './firmware.mjs'
import { buildFolder, SetupError } from './workplace.mjs'

/** The aims that this project has set itself. */
const SIZE_MAX_BYTES = 1_300_000
/** The initramfs without kernel modules, either form. */
const INITRAMFS_MAX_BYTES = 2_500_000
/** Smaller entries are summed up. */
const SHOWN_MIN_BYTES = 4096
const START_MAX_MS = 10
const STARTS = 20
const BATCHES = 5

/** Whom an object of the map belongs to. */
function ownerOf(object) {
  const library = /lib(\w+)\.a\(/.exec(object)?.[1]
  const names = { c: 'musl', z: 'zlib', gcc: 'libgcc' }
  if (library) return names[library] ?? library
  if (/bundle-\w+\.o$/.test(object)) return 'bundle (bytecode)'
  if (/objects\//.test(object)) return 'our C'
  return basename(object)
}

/** Bytes by owner, of the sections that are in the file. */
function sizesFromMap(map) {
  const sizes = new Map()
  const kept = map.slice(map.indexOf('Linker script and memory map'))
  // A long section name is on a line of its own, so the rest may come after a newline.
  const pattern =
    /^ \.(text|rodata|data|init|fini|eh_frame)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S+)$/gm
  for (const [, , size, object] of kept.matchAll(pattern)) {
    const owner = ownerOf(object)
    sizes.set(owner, (sizes.get(owner) ?? 0) + Number.parseInt(size, 16))
  }
  return [...sizes].filter(([, bytes]) => bytes > 0).sort((a, b) => b[1] - a[1])
}

/**
 * Milliseconds from a shell's fork to the end of `--version`, from the least disturbed of several batches.
 */
function startMs(program) {
  const script = `i=0; while [ $i -lt ${STARTS} ]; do "$0" --version >/dev/null || exit; i=$((i + 1)); done`
  const times = []
  for (let batch = 0; batch < BATCHES; batch++) {
    const before = process.hrtime.bigint()
    const result = spawnSync('sh', ['-c', script, program], { stdio: 'ignore' })
    if (result.status !== 0) {
      throw new SetupError(`${program} --version ended with status ${result.status}`)
    }
    times.push(Number(process.hrtime.bigint() - before) / 1e6 / STARTS)
  }
  return Math.min(...times)
}

const verdict = (holds) => (holds ? 'within' : 'ABOVE')
const line = (bytes, what) => process.stdout.write(`  ${String(bytes).padStart(8)}  ${what}\n`)

/** Both forms, and what each program in it takes of the smaller kernel's form when packed alone. */
async function showInitramfs(target) {
  for (const path of Object.values(await makeInitramfs({ target }))) {
    const { size } = statSync(path)
    const aim = `${verdict(size <= INITRAMFS_MAX_BYTES)} the aim of ${INITRAMFS_MAX_BYTES}`
    process.stdout.write(`\n${path}\nsize      ${size} bytes (${aim})\n`)
  }
  const entries = await initramfsEntries({ target })
  const sized = entries.map(({ path, content }) => ({ path, content: content ?? Buffer.alloc(0) }))
  const large = sized.filter(({ content }) => content.length >= SHOWN_MIN_BYTES)
  const small = sized.filter(({ content }) => content.length < SHOWN_MIN_BYTES)
  for (const { path, content } of large) {
    line(gzipSync(content, { level: 9 }).length, `${path} (gzip; ${content.length} unpacked)`)
  }
  const rest = small.reduce((sum, { content }) => sum + content.length, 0)
  line(rest, `in ${small.length} links, folders and small files (unpacked)`)
}

async function showSizes(target) {
  const { program } = await build({ target })
  const size = statSync(program).size
  const map = join(buildFolder, target, 'objects', 'xo-upgrade.map')
  process.stdout.write(`${program}\n`)
  process.stdout.write(
    `size      ${size} bytes (${verdict(size <= SIZE_MAX_BYTES)} the aim of ${SIZE_MAX_BYTES})\n`,
  )
  if (existsSync(map)) {
    for (const [owner, bytes] of sizesFromMap(readFileSync(map, 'utf8'))) {
      line(bytes, owner)
    }
  }
  await showInitramfs(target)
  if (!targets[target].runsHere) return
  const start = startMs(program)
  process.stdout.write(
    `\nstart-up  ${start.toFixed(1)} ms (${verdict(start <= START_MAX_MS)} the aim of ${START_MAX_MS})\n`,
  )
}

const USAGE = {
  call: 'npm run size --',
  about: 'Shows how large the program and the initramfs are, by what takes the room.',
  options: { target: targetOption },
  needs: buildNeeds,
}

await runCommand(import.meta.url, USAGE, ({ target = 'x86_64' }) => showSizes(target))
