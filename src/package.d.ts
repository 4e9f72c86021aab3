/** What the build takes from package.json, where the version is kept (rollup.config.js). */
declare module 'package:version' {
  export const PROGRAM_VERSION: string
}
