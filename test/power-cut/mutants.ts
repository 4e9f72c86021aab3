/**
 * Deliberate defects, each one alone in an otherwise true program. The proof must catch every one of
 * them: a proof that can't fail proves nothing.
 */
import { gatherFacts } from '../../src/boot/facts.ts'
import { type BootPlan, planBoot } from '../../src/boot/plan.ts'
import { settleTrees } from '../../src/boot/settle.ts'
import type { Fd, Files, Host, Path } from '../../src/host.ts'
import { changeState, raiseFloor } from '../../src/store/state.ts'
import type { Store } from '../../src/store/store.ts'
import { rollBack } from '../../src/store/swap.ts'
import { confirm, countBoot } from '../../src/store/trial.ts'
import { type Program, STORE, theProgram } from './device.ts'

export interface Mutant {
  name: string
  program: Program
}

const withFiles = (change: (files: Files) => Partial<Files>): Program => ({
  ...theProgram,
  files: (files) => ({ ...files, ...change(files) }),
})

const withHost = (change: (host: Host) => Partial<Host>): Program => ({
  ...theProgram,
  host: (host) => ({ ...host, ...change(host) }),
})

const withFlow = (change: Partial<Program['flow']>): Program => ({
  ...theProgram,
  flow: { ...theProgram.flow, ...change },
})

const isDirectory = (files: Files, fd: Fd) => files.statHandle(fd).type === 'dir'

/** Handles that `open` gave for paths like this. */
function remembering(open: (directory: Fd, path: Path, mode: number) => Fd, like: RegExp) {
  const handles = new Set<Fd>()
  const opens = (directory: Fd, path: Path, mode: number): Fd => {
    const fd = open(directory, path, mode)
    if (like.test(path)) handles.add(fd)
    else handles.delete(fd)
    return fd
  }
  return { handles, opens }
}

/** `state` is emptied and written in place. */
function stateInPlace(files: Files): Partial<Files> {
  return {
    createFile(directory, path, mode) {
      if (path !== 'state.new') return files.createFile(directory, path, mode)
      if (files.stat(directory, 'state')) files.removeFile(directory, 'state')
      return files.createFile(directory, 'state', mode)
    },
    setMetadata(directory, path, metadata) {
      files.setMetadata(directory, path === 'state.new' ? 'state' : path, metadata)
    },
    readXattrs: (directory, path) =>
      files.readXattrs(directory, path === 'state.new' ? 'state' : path),
    rename(source, path, target, targetPath) {
      if (path !== 'state.new') files.rename(source, path, target, targetPath)
    },
  }
}

/** The record loses its lines that begin like this. */
const withoutLines = (start: string) => (files: Files) => ({
  write(fd: Fd, buffer: Uint8Array, offset: number, length: number) {
    const text = String.fromCharCode(...buffer.subarray(offset, offset + length))
    if (!text.startsWith('floor=')) return files.write(fd, buffer, offset, length)
    const kept = text.split('\n').filter((line) => !line.startsWith(start))
    const bytes = Uint8Array.from(kept.join('\n'), (unit) => unit.charCodeAt(0))
    files.write(fd, bytes, 0, bytes.length)
  },
})

/** A directory with two names looks like two directories. */
function secondNamesNotSeen(files: Files): Partial<Files> {
  return {
    stat(directory, path) {
      const found = files.stat(directory, path)
      const isTree = /^(fakeroot|(upgraded|previous)-root(\.swap)?|staging)$/.test(path)
      return found && isTree ? { ...found, identity: `${found.identity} ${path}` } : found
    },
  }
}

function floorForgotten(files: Files): Partial<Files> {
  return {
    write(fd, buffer, offset, length) {
      const isState = String.fromCharCode(...buffer.subarray(0, 6)) === 'floor='
      const changed = isState ? buffer.map((byte, at) => (at === 6 ? 0x30 : byte)) : buffer
      files.write(fd, changed, offset, length)
    },
  }
}

/** The tree gets its final name while it is still being verified. */
function committedBeforeVerified({ files, trees }: Host): Partial<Host> {
  const move = (from: Path, to: Path) => {
    const store = files.openRoot(STORE)
    if (files.stat(store, from) && !files.stat(store, to)) files.rename(store, from, store, to)
    files.sync(store)
    files.close(store)
  }
  return {
    trees: {
      ...trees,
      openVerify(options) {
        move('staging', 'upgraded-root')
        return trees.openVerify(options)
      },
      closeVerify(job) {
        trees.closeVerify(job)
        move('upgraded-root', 'staging')
      },
    },
  }
}

const versionsOf = (store: Store) => ({
  source: store.tree('fakeroot')?.release.version ?? 0,
  target: store.tree('upgraded-root')?.release.version ?? 0,
})

function exchangeOrRenames({ host, directory }: Store): void {
  const { files } = host
  try {
    files.exchange(directory, 'upgraded-root', directory, 'fakeroot')
  } catch {
    files.rename(directory, 'fakeroot', directory, 'previous-root.swap')
    files.rename(directory, 'upgraded-root', directory, 'fakeroot')
    files.rename(directory, 'previous-root.swap', directory, 'upgraded-root')
  }
}

/** The trees first, then the record that says what is being done. */
function swapBeforeState(store: Store): void {
  const intent = { verb: 'swap' as const, ...versionsOf(store) }
  store.discard('previous-root')
  exchangeOrRenames(store)
  changeState(store, { intent })
  theProgram.flow.recover(store)
}

/** The trees change places, and only then it is written down that they should. */
function rollBackBeforeState(store: Store): void {
  const { directory, host } = store
  const source = store.version('fakeroot') ?? 0
  const target = store.version('previous-root') ?? 0
  try {
    host.files.exchange(directory, 'previous-root', directory, 'fakeroot')
  } catch {
    host.files.rename(directory, 'fakeroot', directory, 'previous-root.swap')
    host.files.rename(directory, 'previous-root', directory, 'fakeroot')
    host.files.rename(directory, 'previous-root.swap', directory, 'previous-root')
  }
  store.syncDirectory()
  changeState(store, { trial: undefined, boots: 0, bad: source > target ? [source] : [] })
}

const goesBack = (decision: BootPlan): decision is Extract<BootPlan, { act: 'roll-back' }> =>
  decision.act === 'roll-back'

/** The early boot with another way of going back. */
const bootWith = (back: (store: Store) => void): Program['flow']['boot'] => {
  return async (store, given, start) => {
    const facts = await gatherFacts(store, { ...given, moved: false })
    if (goesBack(planBoot(facts))) back(store)
    await theProgram.flow.boot(store, given, start)
  }
}

function swapByRenames(store: Store): void {
  const { files } = store.host
  const rename = (from: Path, to: Path) => {
    files.rename(store.directory, from, store.directory, to)
    store.syncDirectory()
  }
  store.discard('previous-root')
  rename('fakeroot', 'previous-root')
  rename('upgraded-root', 'fakeroot')
}

export const MUTANTS: Mutant[] = [
  {
    name: 'nothing is ever synced',
    program: withFiles(() => ({ sync() {}, syncFileSystem() {} })),
  },
  { name: 'no fsync at all', program: withFiles(() => ({ sync() {} })) },
  { name: 'no syncfs before commit', program: withFiles(() => ({ syncFileSystem() {} })) },
  {
    name: 'directories are not synced',
    program: withFiles((files) => ({ sync: (fd) => isDirectory(files, fd) || files.sync(fd) })),
  },
  {
    name: 'files are not synced',
    program: withFiles((files) => ({ sync: (fd) => isDirectory(files, fd) && files.sync(fd) })),
  },
  {
    name: 'the state is renamed before it is synced',
    program: withFiles((files) => {
      const { handles, opens } = remembering(files.createFile, /^state\.new$/)
      return { createFile: opens, sync: (fd) => handles.has(fd) || files.sync(fd) }
    }),
  },
  {
    name: 'names are synced with the state only',
    program: withFiles((files) => {
      const open = (directory: Fd, path: Path) => files.openDirectory(directory, path)
      const { handles, opens } = remembering(open, /^\.$/)
      const openDirectory = (directory: Fd, path: Path) => opens(directory, path, 0)
      // A number may belong to a file by now.
      const isOne = (fd: Fd) => handles.has(fd) && isDirectory(files, fd)
      return { openDirectory, sync: (fd) => isOne(fd) || files.sync(fd) }
    }),
  },
  { name: 'the state is written in place', program: withFiles(stateInPlace) },
  {
    name: 'verify is skipped',
    program: withHost(({ trees }) => ({
      trees: {
        ...trees,
        extras: (manifest, tree, options) =>
          options.remove ? trees.extras(manifest, tree, options) : [],
        verify: () => ({ done: true, entries: 0, bytes: 0, doubtful: false, failures: [] }),
      },
    })),
  },
  {
    name: 'verify does not look at contents',
    program: withHost(({ trees }) => ({
      trees: {
        ...trees,
        verify(job, entriesMax) {
          const step = trees.verify(job, entriesMax)
          const failures = step.failures.filter(({ what }) => what !== 'sha256digest')
          return { ...step, failures }
        },
      },
    })),
  },
  { name: 'commit before verify', program: withHost(committedBeforeVerified) },
  { name: 'swap before state', program: withFlow({ swap: swapBeforeState }) },
  { name: 'two renames without an intent', program: withFlow({ swap: swapByRenames }) },
  { name: 'no recovery at the start', program: withFlow({ recover() {} }) },
  {
    name: 'a tree is discarded with its release in place',
    program: withFiles((files) => ({
      removeTree(directory, path) {
        if (!path.endsWith('-root/release')) files.removeTree(directory, path)
      },
    })),
  },
  {
    name: 'linked where it must be copied',
    program: withFiles((files) => ({ copyFile: files.hardLink })),
  },
  { name: 'the floor is not raised', program: withFiles(floorForgotten) },
  {
    name: 'the floor is raised before the manifest is proved',
    program: withFlow({
      upgrade(job) {
        raiseFloor(job.store, job.version ?? 0)
        return theProgram.flow.upgrade(job)
      },
    }),
  },
  {
    name: 'what does not belong into the tree is neither removed nor seen',
    program: withHost(({ trees }) => ({ trees: { ...trees, extras: () => [] } })),
  },
  {
    name: 'the old tree is not set aside',
    program: withFiles((files) => ({
      rename(source, path, target, targetPath) {
        if (path !== 'upgraded-root') files.rename(source, path, target, targetPath)
      },
    })),
  },
  {
    name: 'a boot is not counted',
    program: withFlow({
      async boot(store, given, start) {
        start(await settleTrees(store, given, () => {}))
      },
    }),
  },
  {
    name: 'a boot is counted and not synced before it starts',
    program: withFlow({
      async boot(store, given, start) {
        const decision = await settleTrees(store, given, () => {})
        const { files } = store.host
        const { sync } = files
        Object.assign(files, { sync() {} })
        if (decision.act === 'boot') countBoot(store)
        Object.assign(files, { sync })
        start(decision)
      },
    }),
  },
  {
    name: 'confirmed before it is known to be healthy',
    program: withFlow({
      async confirm(store, examine) {
        confirm(store)
        await examine()
      },
    }),
  },
  { name: 'a bad version is not remembered', program: withFiles(withoutLines('bad=')) },
  { name: 'a trial is not remembered', program: withFiles(withoutLines('trial=')) },
  { name: 'a confirmation is not remembered', program: withFiles(withoutLines('confirmed=')) },
  {
    name: 'a roll-back is not written down before it is done',
    program: withFlow({
      rollBack: rollBackBeforeState,
      boot: bootWith(rollBackBeforeState),
    }),
  },
  {
    name: 'the way back forgets what it left',
    program: withFlow({ boot: bootWith((store) => rollBack(store)) }),
  },
  { name: 'second names are not seen', program: withFiles(secondNamesNotSeen) },
]
