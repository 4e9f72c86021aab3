// deadline: 30 minutes
/**
 * The contract suites over the C host, plain, under the sanitizers, and with 32 bits. Each test that runs there
 * counts as one here.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { scratch } from '../support/scratch.ts'
import { type Result, retell, suite } from '../support/suite.ts'
import { bundleContracts } from './bundle.ts'
import { startPeers } from './peers.ts'

const DEADLINE_MS = 5 * 60 * 1000
const BUNDLE = 'build/contract.js'

/** What one flavour of the host reports; an end without its last line is a failure of its own. */
async function runHost(program: string): Promise<Result[]> {
  if (!existsSync(program)) return [{ name: program, error: 'is not built: npm run build' }]
  const peers = await startPeers()
  const words = [BUNDLE, scratch('c-host'), JSON.stringify(peers.ports)]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
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

await bundleContracts(BUNDLE)
for (const folder of ['x86_64', 'x86_64-asan', 'i586']) {
  const results = await runHost(`build/${folder}/host`)
  const test = suite(`contracts over build/${folder}/host`)
  retell(test, results)
  test.run()
}
