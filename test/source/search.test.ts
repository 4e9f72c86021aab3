/** A round over several sources: who is asked, what is remembered in the store, and which error ends it. */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import {
  ConfigError,
  DeadlineError,
  LaterError,
  PeerError,
  SourceConfigError,
  TrustError,
} from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { NEIGHBOURS_ASIDE_MAX } from '../../src/limits.ts'
import { silent } from '../../src/progress.ts'
import type { SourceRole } from '../../src/source/order.ts'
import { type Neighbours, type NeighbourWish, Search } from '../../src/source/search.ts'
import { readSetAside, setAside } from '../../src/source/set-aside.ts'
import type { Source } from '../../src/source/source.ts'
import { readState } from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { rejects } from '../support/rejects.ts'
import { test } from '../support/suite.ts'

const lacks = (name: string) => new PeerError(`${name} has no 42/release`, 'absent')
const away = (name: string) => new PeerError(`${name}: no connection (ECONNREFUSED)`, 'away')
const stalls = (name: string) => new DeadlineError(`${name}: no byte for 60000 ms`)

/** A store whose wall clock the test sets. */
function world() {
  const clock = { now: 1_000_000 }
  const base = nodeHost()
  const host: Host = { ...base, clock: { ...base.clock, wallSeconds: () => clock.now } }
  const store = Store.open(host, newStorePath(), true)
  const notes: string[] = []
  const progress = { ...silent, note: (text: string) => notes.push(text) }
  /** One round: `answers` are what each source does, by its name. */
  const round = async (
    names: [string, SourceRole][],
    answers: Record<string, (name: string) => Error | string>,
  ) => {
    const asked: string[] = []
    const sources = names.map(([name, role]): Source => {
      return { name, role, close() {} } as unknown as Source
    })
    const patience = { schoolTries: 2, firstSeconds: 100, longestSeconds: 1000 }
    const search = new Search({ store, sources, progress, patience })
    const served = search.serve(async ({ name }) => {
      asked.push(name)
      const answer = answers[name]?.(name) ?? name
      if (typeof answer !== 'string') throw answer
      return answer
    })
    return { asked, served, search }
  }
  return { clock, store, notes, round }
}

const BOTH: [string, SourceRole][] = [
  ['school', 'school'],
  ['upstream', 'upstream'],
]

test('a school server that lacks the version is asked again after each wait, then upstream is', async () => {
  const { clock, store, round } = world()
  for (const tries of [1, 2]) {
    const { asked, served } = await round(BOTH, { school: lacks })
    const error = (await rejects(
      served,
      /school has no 42\/release; it is asked again/,
    )) as LaterError
    assert.instance(error, LaterError)
    assert.equal(asked, ['school'])
    const { wait } = readState(store)
    assert.is(wait?.tries, tries)
    assert.is(wait?.until, error.untilSeconds)
    clock.now = error.untilSeconds
  }
  const { asked, served, search } = await round(BOTH, { school: lacks })
  assert.is(await served, 'upstream')
  assert.equal(asked, ['school', 'upstream'])
  assert.is(readState(store).wait?.tries, 2)
  search.settled()
  assert.is(readState(store).wait, undefined)
})

test('a source whose configuration is wrong does not keep from asking the next', async () => {
  const { round } = world()
  const noKey = (name: string) => new SourceConfigError(`${name}: the key is open to others`)
  const { asked, served } = await round(BOTH, { school: noKey })
  assert.is(await served, 'upstream')
  assert.equal(asked, ['school', 'upstream'])
  await rejects((await round(BOTH, { school: noKey, upstream: noKey })).served, /open to others/)
})

test('a school server with too many visitors is waited for as well', async () => {
  const { round } = world()
  const busy = (name: string) => new PeerError(`${name}: max connections (20) reached`, 'busy')
  const { asked, served } = await round(BOTH, { school: busy })
  assert.instance(await rejects(served, /max connections/), LaterError)
  assert.equal(asked, ['school'])
})

test('no school server: upstream at once, and nobody waits', async () => {
  const { store, round } = world()
  const { asked, served } = await round(BOTH, { school: away })
  assert.is(await served, 'upstream')
  assert.equal(asked, ['school', 'upstream'])
  assert.is(readState(store).wait, undefined)
})

test('upstream fails: a wait that grows, and the error that says why', async () => {
  const { clock, store, notes, round } = world()
  let longest = 0
  for (const failures of [1, 2, 3, 4, 5, 6]) {
    const { served } = await round(BOTH, { school: away, upstream: away })
    await rejects(served, /upstream: no connection/)
    const wait = readState(store).wait ?? { tries: 0, failures: 0, begun: 0, until: 0 }
    assert.equal([wait.tries, wait.failures], [0, failures])
    longest = Math.max(longest, wait.until - wait.begun)
    clock.now = wait.until
  }
  assert.ok(longest >= 500 && longest <= 1000, `${longest}`)
  assert.ok(notes.some((text) => /the sources are asked again at 1970-01-1/.test(text)))
})

test('a try before its time leaves the wait as it is; a clock that went back begins a new one', async () => {
  const { clock, store, round } = world()
  const fail = async () => rejects((await round(BOTH, { school: away, upstream: away })).served)
  await fail()
  const first = readState(store).wait
  clock.now += 10
  await fail()
  assert.equal(readState(store).wait, first)
  clock.now = 500
  await fail()
  assert.is(readState(store).wait?.begun, 500)
  assert.is(readState(store).wait?.failures, 2)
})

for (const [name, fault] of [
  ['breaks the protocol', (source: string) => new PeerError(`${source}: broken`, 'broken')],
  ['serves bad bytes', (source: string) => new TrustError(`${source} sent what is not signed`)],
  ['stalls', stalls],
] as const) {
  test(`a school server that ${name} is set aside for a while, and the next is used`, async () => {
    const { clock, round } = world()
    const first = await round(BOTH, { school: fault })
    assert.is(await first.served, 'upstream')
    const second = await round(BOTH, {})
    assert.is(await second.served, 'upstream')
    assert.equal(second.asked, ['upstream'])
    const alone = await round(BOTH, { upstream: away })
    assert.is(await alone.served, 'school')
    assert.equal(alone.asked, ['upstream', 'school'])
    clock.now += 30 * 60
    assert.is(await (await round(BOTH, {})).served, 'school')
  })
}

test('a connection that is cut while it serves is made again at once, some few times', async () => {
  const { round } = world()
  const { served, search } = await round(BOTH, {})
  await served
  const cut = new PeerError('school: the connection was cut', 'cut')
  const asked: string[] = []
  const use = (cuts: number) => async (source: Source) => {
    asked.push(source.name)
    if (source.name === 'school' && asked.length <= cuts) throw cut
    return source.name
  }
  assert.is(await search.serve(use(2)), 'school')
  assert.equal(asked.splice(0), ['school', 'school', 'school'])
  assert.is(await search.serve(use(100)), 'upstream')
  assert.equal(asked, ['school', 'school', 'upstream'])
  const atOnce = await round([['other', 'upstream']], { other: () => cut })
  await rejects(atOnce.served, /was cut/)
  assert.equal(atOnce.asked, ['other'])
})

test('what serves is asked first the next time, and what failed is not asked again', async () => {
  const { round } = world()
  const { served, search, asked } = await round(BOTH, { school: away })
  await served
  const again: string[] = []
  await search.serve(async ({ name }) => again.push(name))
  assert.equal([asked, again], [['school', 'upstream'], ['upstream']])
})

test('a fault that is not the source’s ends the round at once', async () => {
  const { store, round } = world()
  const full = () => systemError('write', undefined, 'ENOSPC')
  const { asked, served } = await round(BOTH, { school: full })
  await rejects(served, /No space/)
  assert.equal(asked, ['school'])
  assert.is(readState(store).wait, undefined)
})

test('an attack is told before a server that is merely away; no source at all is said', async () => {
  const { round } = world()
  const attack = (name: string) => new TrustError(`${name}: rollback`)
  const { served } = await round(BOTH, { school: attack, upstream: away })
  assert.instance(await rejects(served, /school: rollback/), TrustError)
  assert.instance(await rejects((await round([], {})).served), ConfigError)
})

/** A round in which neighbours may be asked; 0: nothing is wanted yet. */
function amongNeighbours(
  world_: ReturnType<typeof world>,
  names: string[],
  answers: Record<string, () => Error>,
  wanted = 42,
) {
  const { store } = world_
  const asked: string[] = []
  const questions: NeighbourWish[] = []
  const opened = (name: string, role: SourceRole) =>
    ({ name, role, close: () => asked.push(`close ${name}`) }) as unknown as Source
  const neighbours: Neighbours = {
    peers: 'before-school',
    async find(wish, aside) {
      questions.push(wish)
      return names.filter((name) => !aside.has(name)).map((name) => opened(name, 'neighbour'))
    },
  }
  const sources = [opened('school', 'school')]
  const search = new Search({ store, sources, progress: silent, neighbours })
  if (wanted > 0) search.want({ version: wanted, running: 41 })
  const use = async ({ name }: Source) => {
    asked.push(name)
    const answer = answers[name]
    if (answer) throw answer()
    return name
  }
  return { search, use, asked, questions }
}

const [NEAR, NEXT] = ['neighbour rsync://10.0.0.2:8873/xo', 'neighbour rsync://10.0.0.3:8873/xo']

test('neighbours are asked once a round, and only when something is wanted', async () => {
  const here = world()
  const idle = amongNeighbours(here, [NEAR], {}, 0)
  assert.is(await idle.search.serve(idle.use), 'school')
  assert.equal(idle.questions, [])
  const { search, use, questions } = amongNeighbours(here, [], {})
  assert.is(await search.serve(use), 'school')
  assert.is(await search.serve(use), 'school')
  assert.equal(questions, [{ version: 42, running: 41 }])
})

test('what the school server says is the newest comes from a neighbour, and its place is free', async () => {
  const { search, use, asked } = amongNeighbours(world(), [NEAR], {}, 0)
  assert.is(await search.serve(use), 'school')
  search.want({ version: 42, running: 41 })
  assert.is(await search.serve(use), NEAR)
  assert.is(search.serving?.name, NEAR)
  assert.equal(asked, ['school', 'close school', NEAR])
})

test('a neighbour that is cut is not asked again, the next goes on, and then the school server', async () => {
  const here = world()
  const cut = () => new PeerError('the connection was cut', 'cut')
  const { search, use, asked } = amongNeighbours(here, [NEAR, NEXT], { [NEAR]: cut, [NEXT]: cut })
  assert.is(await search.serve(use), 'school')
  const used = asked.filter((name) => !name.startsWith('close'))
  assert.equal(used, [NEAR, NEXT, 'school'])
  const again = amongNeighbours(here, [NEAR], {})
  assert.is(await again.search.serve(again.use), NEAR, 'a lid that was closed is no misbehaviour')
})

test('a neighbour that lies or drips is not asked for a while; one that was not reached is', async () => {
  const lies = () => new TrustError('neighbour: altered')
  const drips = () => new DeadlineError('neighbour: slow')
  const unreached = () => new DeadlineError('neighbour: no connection', undefined, false)
  for (const [fault, isAside] of [
    [lies, true],
    [drips, true],
    [unreached, false],
  ] as const) {
    const here = world()
    const first = amongNeighbours(here, [NEAR], { [NEAR]: fault })
    assert.is(await first.search.serve(first.use), 'school')
    const second = amongNeighbours(here, [NEAR], {})
    assert.is(await second.search.serve(second.use), isAside ? 'school' : NEAR)
    here.clock.now += 30 * 60
    const later = amongNeighbours(here, [NEAR], {})
    assert.is(await later.search.serve(later.use), NEAR)
  }
})

test('neighbours that misbehave without end push out no server that did', async () => {
  const { clock, store, round } = world()
  const { files } = store.host
  await (await round(BOTH, { school: () => new TrustError('school: altered') })).served
  for (let port = 1; port < 200; port++) {
    setAside(files, store.directory, `neighbour rsync://10.0.0.66:${port}/xo`, clock.now)
  }
  const aside = readSetAside(files, store.directory, clock.now)
  assert.ok(aside.has('school'))
  assert.is(aside.size, 1 + NEIGHBOURS_ASIDE_MAX)
})

test('what a neighbour does is held against no server with the same address', async () => {
  const here = world()
  const name = 'rsync://10.0.0.2:8873/xo'
  const first = amongNeighbours(here, [NEAR], { [NEAR]: () => new TrustError('altered') })
  await first.search.serve(first.use)
  const { served } = await here.round([[name, 'school']], {})
  assert.is(await served, name)
  assert.not.ok(readSetAside(here.store.host.files, here.store.directory, here.clock.now).has(name))
})

test('that a neighbour is away hides nothing that a server said', async () => {
  const { search, use } = amongNeighbours(world(), [NEAR], {
    [NEAR]: () => away('neighbour'),
    school: () => away('school'),
  })
  await rejects(search.serve(use), /school: no connection/)
})

test('a garbled list of those set aside sets nobody aside', async () => {
  const { store, round } = world()
  const { files } = store.host
  for (const content of ['\0\xff\n', 'now then school\n', '1970-01-12T13:46:40Z never school\n']) {
    if (files.stat(store.directory, 'set-aside')) files.removeFile(store.directory, 'set-aside')
    const fd = files.createFile(store.directory, 'set-aside', 0o600)
    const bytes = Uint8Array.from(content, (character) => character.charCodeAt(0))
    files.write(fd, bytes, 0, bytes.length)
    files.close(fd)
    assert.is(await (await round(BOTH, {})).served, 'school')
  }
})

test.run()
