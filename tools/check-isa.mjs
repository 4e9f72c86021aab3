/**
 * `npm run check:isa`: disassembles every program that goes into an XO-1's initramfs, and fails on an
 * instruction that its processor lacks. `-- FILE…` checks these files instead. Knows how to read objdump;
 * the list of instructions is in `firmware/targets/geode/`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isGeodeInstruction } from '../firmware/targets/geode/instructions.mjs'
import { existingFile, runCommand } from './command-line.mjs'
import { initramfsEntries } from './firmware.mjs'
import { run, SetupError } from './workplace.mjs'

const SHOWN_MAX = 20

/**
 * All instructions of a program or an object, and those of them that a Geode lacks.
 * @returns {Promise<{ count: number, foreign: { address: string, instruction: string }[] }>}
 */
export async function foreignInstructions(file) {
  const output = await run(['objdump', '-d', '--no-show-raw-insn', file])
  // An address, a tab, the instruction; a comment and the name of a target may follow.
  const lines = [...output.matchAll(/^ *([0-9a-f]+):\t(.+)$/gm)].map(
    ([, address, instruction]) => ({
      address,
      instruction: instruction.replace(/[<#].*$/, '').trim(),
    }),
  )
  if (lines.length === 0) throw new SetupError(`${file} holds no code that objdump can read`)
  const foreign = lines.filter(({ instruction }) => !isGeodeInstruction(instruction))
  return { count: lines.length, foreign }
}

const isProgram = ({ content }) => content?.subarray(0, 4).equals(Buffer.from('\x7fELF'))

/** Writes the programs of the initramfs into a folder, and returns their paths. */
async function programsOfInitramfs(folder) {
  const programs = (await initramfsEntries({ target: 'i586' })).filter(isProgram)
  return programs.map(({ path, content }) => {
    const file = join(folder, path.replaceAll('/', '-'))
    writeFileSync(file, content)
    return file
  })
}

async function check(files) {
  let failures = 0
  for (const file of files) {
    const { count, foreign } = await foreignInstructions(file)
    process.stdout.write(`${file}: ${count} instructions, ${foreign.length} foreign\n`)
    for (const { address, instruction } of foreign.slice(0, SHOWN_MAX)) {
      process.stdout.write(`  ${address}  ${instruction}\n`)
    }
    failures += foreign.length
  }
  if (failures === 0) return
  throw new SetupError(
    `${failures} instructions that a Geode LX lacks`,
    'find the object that they come from in build/i586/objects/xo-upgrade.map',
  )
}

const USAGE = {
  call: 'npm run check:isa --',
  about: 'Holds that a Geode LX knows every instruction of the XO-1 programs.',
  words: {
    takes: 'FILE…',
    about: 'only these programs or objects (all of the initramfs)',
    reads: existingFile,
  },
  needs: ['build', 'i586'],
}

await runCommand(import.meta.url, USAGE, async (_options, named) => {
  const folder = mkdtempSync(join(tmpdir(), 'xo-isa-'))
  try {
    await check(named.length > 0 ? named : await programsOfInitramfs(folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
