/** Programs of the contract tests for an engine that knows only the native modules. */
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rollup } from 'rollup'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Writes all suites (`c-host/main.ts`) to `file`, to be started with the words SCRATCH and PEERS. */
export const bundleContracts = (file: string) => bundleForHost('c-host/main.js', file)

/** Writes a source of this folder, and what it imports, to `file`. */
export async function bundleForHost(source: string, file: string): Promise<void> {
  const bundle = await rollup({
    input: here(source),
    external: /^native:/,
    plugins: [
      {
        name: 'crypto',
        // tweetnacl looks for Node's crypto, and does without it where there is none.
        resolveId: (id: string) => (id === 'crypto' ? '\0crypto' : null),
        load: (id: string) => (id === '\0crypto' ? 'export default {}' : null),
      },
      nodeResolve({ preferBuiltins: false }),
      commonjs(),
    ],
  })
  await bundle.write({ file, format: 'es' })
  await bundle.close()
}
