/** Runs a program of contract suites on a host and hears its results, one a line; for the tests that retell them. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Result } from '../support/suite.ts'

const DEADLINE_MS = 5 * 60 * 1000

/** What a program reports that is started with these words; ending without the last line is a failure of its own. */
export async function runHost(
  program: string,
  words: string[],
  launcher: string[] = [],
): Promise<Result[]> {
  if (!existsSync(program)) return [{ name: program, error: 'is not built: npm run build' }]
  const all = [...launcher, program, ...words]
  const child = spawn(all[0] as string, all.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
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
  const clean = whole && end === 'ended with status 0' && complaints === ''
  const after = results.at(-1)?.name ?? 'the start'
  results.push({
    name: 'comes to a clean end',
    ...(clean ? {} : { error: `${end} after "${after}"\n${complaints}` }),
  })
  return results
}
