/**
 * The bundle: everything that `src/main.ts` reaches, as one module for QuickJS. `native:*` is left to
 * the host. Not minified: bytecode has no use for it, and stacks stay readable.
 */
import { readFileSync } from 'node:fs'
import commonjs from '@rollup/plugin-commonjs'
import nodeResolve from '@rollup/plugin-node-resolve'
import typescript from '@rollup/plugin-typescript'

/** The version stands in package.json, and nowhere else. */
const packageVersion = {
  name: 'package-version',
  resolveId: (source) => (source === 'package:version' ? source : null),
  load(id) {
    if (id !== 'package:version') return null
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    return `export const PROGRAM_VERSION = ${JSON.stringify(version)}`
  },
}

export default {
  input: 'src/main.ts',
  external: /^native:/,
  output: { file: 'build/xo-upgrade.js', format: 'es', generatedCode: 'es2015' },
  onwarn(warning) {
    // A bundle that rollup has doubts about is useless: an unresolved import fails only at run time.
    throw new Error(
      `${warning.message}${warning.loc ? ` (${warning.loc.file}:${warning.loc.line})` : ''}`,
    )
  },
  plugins: [
    packageVersion,
    nodeResolve({ extensions: ['.ts', '.js', '.mjs'], preferBuiltins: false }),
    commonjs(),
    typescript({
      tsconfig: './tsconfig.json',
      noEmit: false,
      noEmitOnError: false,
      outDir: 'build',
    }),
  ],
}
