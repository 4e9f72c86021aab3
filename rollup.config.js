/**
 * The bundle: everything that `src/main.ts` reaches, as one module for QuickJS. `native:*` is left to
 * the host. Not minified: bytecode has no use for it, and stacks stay readable.
 */
import commonjs from '@rollup/plugin-commonjs'
import nodeResolve from '@rollup/plugin-node-resolve'
import typescript from '@rollup/plugin-typescript'

export default {
  input: 'src/main.ts',
  external: /^native:/,
  output: { file: 'build/xo-upgrade.js', format: 'es', generatedCode: 'es2015' },
  onwarn(warning) {
    // A bundle that rollup has doubts about is no bundle: an unresolved import fails only at run time.
    throw new Error(
      `${warning.message}${warning.loc ? ` (${warning.loc.file}:${warning.loc.line})` : ''}`,
    )
  },
  plugins: [
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
