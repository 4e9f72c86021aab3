/**
 * The machines that the program is built for: compiler and flags of each. A target with `musl` gets
 * a static program over a musl built from source; one without uses the system's C library
 * (sanitizers). A new machine is a new entry here and nothing else.
 */

/**
 * @typedef {object} Target
 * @property {string[]} compiler the C compiler and what selects the machine
 * @property {string[]} flags for everything that is compiled, libraries too
 * @property {string[]} ownFlags for our own C only
 * @property {string[]} linkFlags
 * @property {string} archiver
 * @property {string} strip
 * @property {string | undefined} musl the name that musl's configure takes
 * @property {string | undefined} headers where the kernel's `asm` headers stand, beside `linux`
 * @property {string[]} ownRuntime C of ours, from here, that takes the place of parts of libgcc
 * @property {string[]} nettle what nettle's configure takes for this machine
 * @property {{ architecture: string, linker: string } | undefined} busybox what its build has to be told
 * @property {boolean} runsHere whether this machine runs what is built
 */

const sections = ['-O2', '-ffunction-sections', '-fdata-sections']
// musl has no fortified headers, so -D_FORTIFY_SOURCE would say nothing there.
const hardening = [
  '-fstack-protector-strong',
  '-fstack-clash-protection',
  '-ftrivial-auto-var-init=zero',
]
const unwinding = ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables']
const warnings = ['-Wall', '-Wextra', '-Werror']
/**
 * Says of the whole program what the compiler says of each object. The linker would not by itself, for
 * the few pieces of musl in assembler: those are called by name and return as they came.
 */
const checkedBranches = ['-Wl,-z,ibt', '-Wl,-z,shstk']
/** What programs under the sanitizers share: this machine's own C library and tools. */
const sanitized = {
  archiver: 'ar',
  strip: 'strip',
  musl: undefined,
  headers: undefined,
  ownRuntime: [],
  nettle: ['--disable-assembler'],
  busybox: undefined,
  runsHere: process.arch === 'x64',
}
const hardLink = ['-Wl,--gc-sections', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack']

/** @type {Record<string, Target>} */
export const targets = {
  x86_64: {
    compiler: ['gcc', '-m64'],
    flags: [...sections, ...hardening, '-fPIE', '-fno-plt', '-fcf-protection=full', ...unwinding],
    ownFlags: warnings,
    linkFlags: ['-static-pie', '-Wl,-z,pack-relative-relocs', ...checkedBranches, ...hardLink],
    archiver: 'ar',
    strip: 'strip',
    musl: 'x86_64-linux-musl',
    headers: '/usr/include/x86_64-linux-gnu',
    ownRuntime: [],
    nettle: ['--host=x86_64-pc-linux-gnu', '--enable-fat'],
    busybox: { architecture: 'x86_64', linker: 'ld' },
    runsHere: process.arch === 'x64',
  },
  // The XO-1's Geode LX. `npm run check:isa` holds that it knows every instruction.
  i586: {
    compiler: ['gcc', '-m32', '-march=geode'],
    flags: [...sections, ...hardening, '-fno-pie', '-fcf-protection=none', ...unwinding],
    ownFlags: warnings,
    linkFlags: ['-static', '-no-pie', ...hardLink],
    archiver: 'ar',
    strip: 'strip',
    musl: 'i586-linux-musl',
    headers: '/usr/include/x86_64-linux-gnu',
    ownRuntime: ['geode/division.c'],
    nettle: ['--host=i586-pc-linux-gnu', '--disable-assembler'],
    busybox: { architecture: 'i386', linker: 'ld -m elf_i386' },
    runsHere: process.arch === 'x64',
  },
  // The XO-1.75 and the XO-4. Its VFP has 16 registers, and NEON not everywhere.
  armv7: {
    compiler: [
      'arm-linux-gnueabihf-gcc-12',
      '-march=armv7-a',
      '-mfpu=vfpv3-d16',
      '-mfloat-abi=hard',
      '-mthumb',
    ],
    flags: [...sections, ...hardening, '-fPIE', ...unwinding],
    ownFlags: warnings,
    // gcc for ARM gives a static-pie an interpreter, which it must not have.
    linkFlags: ['-static-pie', '-Wl,--no-dynamic-linker', '-Wl,-z,text', ...hardLink],
    archiver: 'arm-linux-gnueabihf-ar',
    strip: 'arm-linux-gnueabihf-strip',
    musl: 'arm-linux-musleabihf',
    headers: '/usr/arm-linux-gnueabihf/include',
    ownRuntime: [],
    nettle: [
      '--host=armv7l-unknown-linux-gnueabihf',
      '--disable-assembler',
      'AR=arm-linux-gnueabihf-ar',
      'RANLIB=arm-linux-gnueabihf-ranlib',
    ],
    busybox: { architecture: 'arm', linker: 'arm-linux-gnueabihf-ld' },
    runsHere: false,
  },
  'x86_64-asan': {
    compiler: ['gcc', '-m64'],
    flags: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address'],
    ownFlags: [...warnings, '-fsanitize=undefined', '-fno-sanitize-recover=all'],
    linkFlags: ['-fsanitize=address,undefined'],
    ...sanitized,
  },
  // What libFuzzer runs (tools/fuzz.mjs): Debian's clang brings it, and gcc has nothing like it.
  'x86_64-fuzz': {
    compiler: ['clang', '-m64'],
    flags: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=fuzzer-no-link,address'],
    ownFlags: [
      ...warnings,
      // That is written on purpose, where a branch would be mispredicted.
      '-Wno-bitwise-instead-of-logical',
      '-fsanitize=undefined',
      '-fno-sanitize-recover=all',
    ],
    linkFlags: ['-fsanitize=fuzzer,address,undefined'],
    ...sanitized,
  },
}
