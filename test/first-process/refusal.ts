/**
 * Memory that is refused to the first process, at places that lie in every step of a start: the program
 * under the sanitizers as process 1, where the n-th allocation gets nothing, or it and all after it. A
 * refusal is known by the step that it ended, and the next one is tried where two neighbours are far apart,
 * so that few runs reach all steps.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STEPS } from '../../src/boot/steps.ts'
import { CHECKED_PROGRAM } from '../support/program.ts'
import { scratch } from '../support/scratch.ts'
import { NamespaceLaptop, smallSystem } from './laptop.ts'

const DEADLINE_MS = 120_000
/** The sanitizers read the process's own map of memory before main. */
const PREPARE = 'mount -t proc proc proc'
const RESTARTS = 'It restarts in 30 seconds'
const AGAIN = 'This is try 2'
/** What a start says at its last step but one; after it the system speaks. */
const STARTING = 'starting the system'

type Kind = 'native' | 'javascript'

export interface Refused {
  /** As XO_REFUSE takes it. */
  wish: string
  /** The last step that was begun before it. */
  step: string
  /** What became of it: it booted at once or at the second try, or the machine starts again. */
  end: 'boots' | 'boots again' | 'restarts' | undefined
  output: string
}

/** The libraries of the program, in the places where its dynamic linker looks. */
function libraries(): Record<string, string> {
  const said = execFileSync('ldd', [CHECKED_PROGRAM], { encoding: 'utf8' })
  const paths = [...said.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path)
  return Object.fromEntries(paths.map((path) => [path.slice(1), path]))
}

export class RefusedLaptop {
  private constructor(
    readonly laptop: NamespaceLaptop,
    /** Its disk before the first start. */
    readonly image: string,
    readonly disks: string[],
  ) {}

  /** `damaged`: its system can't start, and a stick with the release is plugged in. */
  static async make(damaged: boolean): Promise<RefusedLaptop> {
    const laptop = new NamespaceLaptop()
    await laptop.install(smallSystem(41), (store) => {
      if (damaged) writeFileSync(join(store, 'fakeroot/root/bin/busybox'), '')
    })
    const image = join(scratch('refused'), 'disk.img')
    copy(laptop.image, image)
    return new RefusedLaptop(laptop, image, damaged ? [laptop.makeStick()] : [])
  }

  /** How many allocations of the two kinds there are until the system takes over. */
  async count(): Promise<Record<Kind, number>> {
    const counter = join(scratch('refused'), 'allocations')
    writeFileSync(counter, '')
    const prepare = `${PREPARE}; : >allocations; mount --bind ${counter} allocations`
    const { output } = await this.#start({ XO_ALLOCATIONS: '/allocations' }, prepare)
    if (!/^system 41 /m.test(output)) throw new Error(`with all memory: ${output}`)
    const [native = 0n, javascript = 0n] = new BigUint64Array(
      Uint8Array.from(readFileSync(counter)).buffer,
    )
    return { native: Number(native), javascript: Number(javascript) }
  }

  async refuse(kind: Kind, place: number, andAllAfter: boolean): Promise<Refused> {
    const wish = `${kind}:${place}${andAllAfter ? '+' : ''}`
    const { output, status } = await this.#start({ XO_REFUSE: wish }, PREPARE)
    const first = output.split(/out of memory|ENOMEM/)[0] ?? ''
    const known = [...STEPS.map(({ doing }) => doing), STARTING]
    const step =
      known.filter((doing) => first.includes(`    ${doing}\n`)).pop() ?? 'its first steps'
    return { wish, step, end: endOf(output, status), output }
  }

  /** Each allocation if they are few: alone, and with all after it. */
  async each(kind: Kind, allocations: number): Promise<Refused[]> {
    const refused: Refused[] = []
    for (let place = 1; place <= allocations; place++) {
      for (const andAllAfter of [false, true]) {
        refused.push(await this.refuse(kind, place, andAllAfter))
      }
    }
    return refused
  }

  /**
   * At most so many refusals, each where there are most allocations between two different steps.
   */
  async sample(kind: Kind, allocations: number, runsMax: number): Promise<Refused[]> {
    const found = new Map<number, Refused>()
    const ends = [1, allocations - 1]
    for (let run = 0; run < runsMax; run++) {
      const place = ends.shift() ?? widest(found)
      if (place === undefined) break
      found.set(place, await this.refuse(kind, place, run % 4 === 3))
    }
    return [...found.values()]
  }

  #start(environment: Record<string, string>, prepare: string) {
    copy(this.image, this.laptop.image)
    return this.laptop.start(['xo.debug'], {
      disks: this.disks,
      program: CHECKED_PROGRAM,
      files: libraries(),
      prepare,
      environment,
      answers: {
        'has a fault': 'r',
        'can not start yet': 'r',
        'No system on this laptop can start': 'r',
      },
      last: environment.XO_REFUSE?.endsWith('+') ? RESTARTS : AGAIN,
      deadlineMs: DEADLINE_MS,
    })
  }
}

const copy = (source: string, target: string) =>
  execFileSync('cp', ['--sparse=always', source, target])

function endOf(output: string, status: number | undefined): Refused['end'] {
  if (/Sanitizer|runtime error:/.test(output)) return undefined
  const isTold = /ENOMEM|out of memory/.test(output)
  if (/^system 41 /m.test(output)) return isTold ? 'boots again' : 'boots'
  const goesOn = output.includes(RESTARTS) || output.includes(AGAIN)
  return goesOn && status === undefined ? 'restarts' : undefined
}

/** The middle of the widest gap between neighbours that ended different steps, else of any. */
function widest(found: Map<number, Refused>): number | undefined {
  const places = [...found.keys()].sort((one, other) => one - other)
  const gaps = places.slice(1).map((end, index) => {
    const start = places[index] ?? 0
    const differs = found.get(start)?.step !== found.get(end)?.step
    return { place: Math.floor((start + end) / 2), width: (end - start) * (differs ? 1 : 0.001) }
  })
  gaps.sort((one, other) => other.width - one.width)
  const place = gaps[0]?.place
  return place === undefined || found.has(place) ? undefined : place
}
