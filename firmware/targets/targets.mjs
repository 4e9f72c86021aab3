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
 * @property {string[]} nettle what nettle's configure takes for this machine
 * @property {{ architecture: string, linker: string } | undefined} busybox what its build has to be told
 * @property {boolean} runsHere whether this machine runs what is built
 */

const sections = ['-O2', '-ffunction-sections', '-fdata-sections']
// musl has no fortified headers, so -D_FORTIFY_SOURCE would say nothing there.
const hardening = ['-fstack-protector-strong', '-fstack-clash-protection']
const plain = ['-fcf-protection=none', '-fno-asynchronous-unwind-tables']
const warnings = ['-Wall', '-Wextra', '-Werror']
const hardLink = ['-Wl,--gc-sections', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack']

/** @type {Record<string, Target>} */
export const targets = {
  x86_64: {
    compiler: ['gcc', '-m64'],
    flags: [...sections, ...hardening, '-fPIE', '-fno-plt', ...plain],
    ownFlags: warnings,
    linkFlags: ['-static-pie', ...hardLink],
    archiver: 'ar',
    strip: 'strip',
    musl: 'x86_64-linux-musl',
    headers: '/usr/include/x86_64-linux-gnu',
    nettle: ['--host=x86_64-pc-linux-gnu', '--enable-fat'],
    busybox: { architecture: 'x86_64', linker: 'ld' },
    runsHere: process.arch === 'x64',
  },
  // The XO-1's Geode LX. Needs the package gcc-multilib. Builds and runs here, but libgcc's 64-bit
  // division holds ENDBR32, which a Geode does not know: not yet for a real XO-1.
  i586: {
    compiler: ['gcc', '-m32', '-march=geode'],
    flags: [...sections, ...hardening, '-fno-pie', ...plain],
    ownFlags: warnings,
    linkFlags: ['-static', '-no-pie', ...hardLink],
    archiver: 'ar',
    strip: 'strip',
    musl: 'i586-linux-musl',
    headers: '/usr/include/x86_64-linux-gnu',
    nettle: ['--host=i586-pc-linux-gnu', '--disable-assembler'],
    busybox: { architecture: 'i386', linker: 'ld -m elf_i386' },
    runsHere: process.arch === 'x64',
  },
  'x86_64-asan': {
    compiler: ['gcc', '-m64'],
    flags: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address'],
    ownFlags: [...warnings, '-fsanitize=undefined', '-fno-sanitize-recover=all'],
    linkFlags: ['-fsanitize=address,undefined'],
    archiver: 'ar',
    strip: 'strip',
    musl: undefined,
    headers: undefined,
    nettle: ['--disable-assembler'],
    busybox: undefined,
    runsHere: process.arch === 'x64',
  },
}
