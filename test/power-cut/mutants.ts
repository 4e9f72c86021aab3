/**
 * Deliberate defects, each one alone in an otherwise true program. The proof must catch every one of
 * them: a proof that can't fail proves nothing.
 */
import type { Fd, Files, Host, Path } from '../../src/host.ts'
import { changeState, raiseFloor } from '../../src/trees/state.ts'
import type { Store } from '../../src/trees/store.ts'
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

/** `state` is emptied and written where it stands. */
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

/** First the trees, then the record that says what is being done. */
function swapBeforeState(store: Store): void {
  const intent = { verb: 'swap' as const, ...versionsOf(store) }
  store.discard('previous-root')
  exchangeOrRenames(store)
  changeState(store, { intent })
  theProgram.flow.recover(store)
}

/** As it was once: recovery then met the old previous tree at the name that it needed. */
function swapWithoutRoom(store: Store): void {
  const intent = { verb: 'swap' as const, ...versionsOf(store) }
  store.discard('previous-root')
  changeState(store, { intent })
  theProgram.flow.recover(store)
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
        verify: () => ({ done: true, entries: 0, bytes: 0, failures: [] }),
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
  { name: 'the old previous tree may come back', program: withFlow({ swap: swapWithoutRoom }) },
  { name: 'no recovery at the start', program: withFlow({ recover() {} }) },
  {
    name: 'a tree is discarded with its release in place',
    program: withFiles((files) => ({
      removeFile: (directory, path) =>
        path.endsWith('-root/release') || files.removeFile(directory, path),
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
]
