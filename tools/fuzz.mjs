/**
 * `npm run fuzz`: gives every target of `fuzz/targets.mjs` altered input for some minutes, keeps what is
 * interesting in `.cache/fuzz/TARGET`, and ends with a table, with status 1 if anything was found. Knows
 * nothing of how a target is run: that is the business of its kind.
 */
import { availableParallelism } from 'node:os'
import { existingFile, oneOf, runCommand, UsageError, wholeNumber } from './command-line.mjs'
import { TARGETS } from './fuzz/targets.mjs'
import { addTotals, forgetTotals, readTotals, table } from './fuzz/totals.mjs'

/** `jobs` of them at a time, each for its minutes. */
async function fuzz(targets, { jobs, ...wish }) {
  const rows = []
  const queue = [...targets]
  const work = async () => {
    for (let target = queue.shift(); target; target = queue.shift()) {
      const outcome = await target.run(wish)
      rows.push({ name: target.name, ...outcome })
      addTotals(target.name, outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, targets.length) }, work))
  return targets.map(({ name }) => rows.find((row) => row.name === name))
}

function tellFinds(rows) {
  for (const { name, finds } of rows) {
    for (const { file, said } of finds) {
      console.log(`\n${said.trimEnd()}\n\n${name} found something. To see it again:`)
      console.log(`  npm run fuzz -- --target ${name} --replay ${file}`)
    }
  }
}

async function replay(target, file) {
  const { fine, said } = await target.replay(file)
  process.stdout.write(said)
  console.log(fine ? `${target.name} takes it` : `${target.name} fails`)
  if (!fine) process.exitCode = 1
}

const NAMES = TARGETS.map(({ name }) => name)
const USAGE = {
  call: 'npm run fuzz --',
  about: 'Gives what reads bytes of strangers altered input, and says what breaks.',
  options: {
    minutes: { takes: 'N', about: 'how long each target runs (1)', reads: wholeNumber(1) },
    target: {
      takes: 'NAME',
      about: 'only this one (all); --list names them',
      reads: oneOf(NAMES),
      many: true,
    },
    jobs: {
      takes: 'N',
      about: `how many run at a time (${availableParallelism()})`,
      reads: wholeNumber(1),
    },
    seed: {
      takes: 'N',
      about: 'of all chance in a target in TypeScript (another one each time)',
      reads: wholeNumber(0),
    },
    replay: { takes: 'FILE', about: 'gives one target this input, once', reads: existingFile },
    list: { about: 'names the targets' },
    totals: { about: 'prints what all runs on this machine came to' },
    forget: { about: 'of --totals: begins again at nothing' },
  },
  check({ replay: file, target = [], totals, forget }) {
    if (file && target.length !== 1) throw new UsageError('--replay needs one --target')
    if (forget && !totals) throw new UsageError('--forget belongs to --totals')
  },
  needs: ({ list, totals }) => (list || totals ? [] : ['build', 'fuzz']),
}

await runCommand(import.meta.url, USAGE, async (options) => {
  const { minutes = 1, target, jobs = availableParallelism(), seed } = options
  const targets = TARGETS.filter(({ name }) => !target || target.includes(name))
  if (options.list) {
    for (const { name, about } of targets) console.log(`${name.padEnd(20)}${about}`)
  } else if (options.totals) {
    if (options.forget) forgetTotals()
    console.log(table(targets.map(({ name }) => ({ name, ...readTotals()[name] }))))
  } else if (options.replay) {
    await replay(targets[0], options.replay)
  } else {
    const rows = await fuzz(targets, { seconds: minutes * 60, seed, jobs })
    tellFinds(rows)
    console.log(`\n${table(rows)}`)
    if (rows.some(({ finds }) => finds.length > 0)) process.exitCode = 1
  }
})
