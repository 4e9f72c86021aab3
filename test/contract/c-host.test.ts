// deadline: 30 minutes
/**
 * The contract suites over the C host, plain, under the sanitizers, with 32 bits, and as on an older kernel. Each
 * test that runs there counts as one here.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { scratch } from '../support/scratch.ts'
import { type Result, retell, suite } from '../support/suite.ts'
import { bundleContracts } from './bundle.ts'
import { startPeers } from './peers.ts'

const DEADLINE_MS = 5 * 60 * 1000
const BUNDLE = 'build/contract.js'

/** What one flavour of the host reports; ending without the last line is a failure of its own. */
async function runHost(program: string, launcher: string[]): Promise<Result[]> {
  if (!existsSync(program)) return [{ name: program, error: 'is not built: npm run build' }]
  const peers = await startPeers()
  const words = [...launcher, program, BUNDLE, scratch('c-host'), JSON.stringify(peers.ports)]
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
  const ended = new Promise<string>((resolve) => {
    child.once('close', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`))
    child.once('error', (error) => resolve(error.message))
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const results: Result[] = []
  let whole = false
  for await (const line of createInterface({ input: child.stdout })) {
    const result = JSON.parse(line)
    if (result.end) whole = true
    else results.push(result)
  }
  const end = await ended
  clearTimeout(timer)
  await peers.stop()
  const clean = whole && end === 'ended with status 0' && complaints === ''
  const after = results.at(-1)?.name ?? 'the start'
  results.push({
    name: 'comes to a clean end',
    ...(clean ? {} : { error: `${end} after "${after}"\n${complaints}` }),
  })
  return results
}

/** A program that runs another one, named by its words, as if the kernel were older. */
function oldKernel(): string {
  const program = join(scratch('old-kernel'), 'old-kernel')
  execFileSync('gcc', ['-O1', '-o', program, 'test/contract/c-host/old-kernel.c'])
  return program
}

await bundleContracts(BUNDLE)
for (const [folder, launcher, where] of [
  ['x86_64', [], ''],
  ['x86_64', [oldKernel()], ', on an older kernel'],
  ['x86_64-asan', [], ''],
  ['i586', [], ''],
] as const) {
  const results = await runHost(`build/${folder}/host`, [...launcher])
  const test = suite(`contracts over build/${folder}/host${where}`)
  retell(test, results)
  test.run()
}
