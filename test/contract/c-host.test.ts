// deadline: 30 minutes
/**
 * The contract suites over the C host, plain, under the sanitizers, with 32 bits, and as on an older kernel. Each
 * test that runs there counts as one here.
 */
import { oldKernel } from '../support/old-kernel.ts'
import { scratch } from '../support/scratch.ts'
import { type Result, retell, suite } from '../support/suite.ts'
import { bundleContracts } from './bundle.ts'
import { startPeers } from './peers.ts'
import { runHost } from './run-host.ts'

const BUNDLE = 'build/contract.js'

/** What one flavour of the host reports. */
async function contractsOver(program: string, launcher: string[]): Promise<Result[]> {
  const peers = await startPeers()
  try {
    const words = [BUNDLE, scratch('c-host'), JSON.stringify(peers.ports)]
    return await runHost(program, words, launcher)
  } finally {
    await peers.stop()
  }
}

await bundleContracts(BUNDLE)
for (const [folder, launcher, where] of [
  ['x86_64', [], ''],
  ['x86_64', oldKernel('openat2', 'copy_file_range'), ', on an older kernel'],
  ['x86_64-asan', [], ''],
  ['i586', [], ''],
] as const) {
  const results = await contractsOver(`build/${folder}/host`, [...launcher])
  const test = suite(`contracts over build/${folder}/host${where}`)
  retell(test, results)
  test.run()
}
