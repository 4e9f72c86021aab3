// deadline: 20 minutes
/**
 * native:pack-coder over the hosts of publishers: plain, under the sanitizers, and with 32 bits. What gcc and gzip make
 * is made here: programs that differ a little, in pairs.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { retell, suite, test } from '../support/suite.ts'
import { bundleForHost } from './bundle.ts'
import { runHost } from './run-host.ts'
import { randomNumbers } from './sample-bytes.ts'

const BUNDLE = 'build/pack-coder-contract.js'
const FUNCTIONS = 400

/** C with calls, jumps, tables of addresses and data; the newer one has more of everything here and there. */
function source(isNew: boolean): string {
  const grown = (i: number) => isNew && i % 50 === 7
  // Without these a program like this one is smallest when it is compressed as it is.
  const number = randomNumbers(1)
  const numbers = () =>
    Array.from({ length: 12 }, () => `x = x * ${number(2 ** 31)} ^ ${number(2 ** 31)};`)
  const functions = Array.from({ length: FUNCTIONS }, (_, i) => {
    const other = (i * 7 + 3) % FUNCTIONS
    const more = grown(i) ? 'for (int k = 0; k < x; k++) table[k % 3] += x * k;' : ''
    const call = `if (x > ${i}) return f${other}(x - ${i + 1}) + table[${i % 60}];`
    return `int f${i}(int x) { ${more} ${call} ${numbers().join(' ')} puts(words[${i}]); return x * ${i + 3}; }`
  })
  const words = Array.from({ length: FUNCTIONS }, (_, i) => `"word ${i}${grown(i) ? ' more' : ''}"`)
  const heads = functions.map((_, i) => `int f${i}(int);`).join('\n')
  const names = functions.map((_, i) => `f${i}`).join(', ')
  return `int puts(const char *);
    ${heads}
    static int table[60];
    const char *words[] = {${words.join(', ')}};
    int (*const functions[])(int) = {${names}};
    ${functions.join('\n')}
    int main(int count, char **all) { return functions[count % ${FUNCTIONS}]((int)sizeof all); }
  `
}

const FLAVOURS = {
  program: ['-O2'],
  library: ['-O2', '-shared', '-fPIC'],
  'library-32': ['-O2', '-m32', '-shared', '-fPIC', '-nostdlib'],
  'module.o': ['-O2', '-c'],
}

function makePairs(folder: string): void {
  mkdirSync(folder)
  for (const age of ['old', 'new']) {
    const text = source(age === 'new')
    const file = join(folder, `${age}.c`)
    writeFileSync(file, text)
    for (const [name, flags] of Object.entries(FLAVOURS)) {
      execFileSync('gcc', [...flags, '-o', join(folder, `${name}.${age}`), file])
    }
    const best = execFileSync('gzip', ['-9n'], { input: text })
    writeFileSync(join(folder, `best.gz.${age}`), best)
    writeFileSync(join(folder, `fast.gz.${age}`), gzipSync(text, { level: 1 }))
  }
}

const pairs = join(scratch('pack-coder-pairs'), 'pairs')
makePairs(pairs)
await bundleForHost('pack-coder/main.js', BUNDLE)

for (const folder of ['x86_64', 'x86_64-asan', 'i586']) {
  const place = scratch('pack-coder')
  execFileSync('cp', ['-r', pairs, place])
  const results = await runHost(`build/${folder}/host-publisher`, [BUNDLE, place])
  const told = suite(`packs made over build/${folder}/host-publisher`)
  retell(told, results)
  told.run()
}

test('files are coded side by side only while they fit into the memory that is given', async () => {
  const place = scratch('pack-coder-memory')
  const script = join(place, 'memory.js')
  await bundleForHost('pack-coder/memory.js', script)
  // 4 MiB from 4 MiB take 2 × 8 MiB, and 16 for the sort.
  const withMemory = (memoryMax: number, addressSpaceKib: number) => {
    const words = ['build/x86_64/host-publisher', script, scratch('trees'), String(memoryMax), '4']
    const limit = `ulimit -v ${addressSpaceKib}; exec "$@"`
    const { status, stderr } = spawnSync('sh', ['-c', limit, 'sh', ...words], { encoding: 'utf8' })
    return { status, stderr }
  }
  assert.equal(withMemory(1, 100_000), { status: 0, stderr: '' })
  const four = withMemory(2 ** 40, 100_000)
  assert.match(four.stderr, /memory/)
  assert.equal(withMemory(2 ** 40, 400_000), { status: 0, stderr: '' })
})

test('where packs are only read, the module is there and empty', async () => {
  const script = join(scratch('empty-module'), 'empty.js')
  const words = `import * as coder from 'native:pack-coder'
    import { exit } from 'native:processes'
    exit(Object.keys(coder).length === 0 && coder.encodeFiles === undefined ? 0 : 1)`
  writeFileSync(script, words)
  execFileSync('build/x86_64/host', [script])
  assert.throws(() => execFileSync('build/x86_64/host-publisher', [script]))
  const { encodeFiles, compressFrame } = nodeHost().packCoder
  assert.equal([encodeFiles, compressFrame], [undefined, undefined])
})

test.run()
