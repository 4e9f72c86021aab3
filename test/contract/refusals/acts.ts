/**
 * What a host is asked to do while the kernel refuses something: each act works in a folder that the test
 * has filled, and says in one line what came of it. Runs in Node and on the C host.
 */
import type { Fd, Files, Host } from '../../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../../src/text.ts'

const STDOUT = 1
const TIMEOUT_MS = 10_000

type Act = (host: Host, root: Fd, folder: string) => string | Promise<string>

function content(files: Files, fd: Fd): string {
  const buffer = new Uint8Array(100)
  const text = bytesOfArray(buffer.subarray(0, files.read(fd, buffer, 0, buffer.length)))
  files.close(fd)
  return text
}

/** `done` or the code. */
function attempt(run: () => void): string {
  try {
    run()
    return 'done'
  } catch (error) {
    return codeOf(error)
  }
}

function removing({ files }: Host, root: Fd, path: string): string {
  const said = attempt(() => files.removeTree(root, path))
  const left = files.stat(root, path) ? files.readDirectory(root, path).length : 'nothing'
  return `${said}, ${left} left`
}

function codeOf(error: unknown): string {
  const { name, code } = error as { name?: string; code?: string }
  return name === 'SystemError' && code !== undefined ? code : String(error)
}

function reconciled({ files, trees }: Host, folder: string, manifest: string): string {
  const live = { manifest: files.openFile(`${folder}/manifest`), root: treeOf(files, folder) }
  const wanted = files.openFile(`${folder}/${manifest}`)
  const tree = files.openRoot(`${folder}/made`)
  const job = trees.openReconcile({ manifest: wanted, tree, live, dryRun: false })
  const { undone } = trees.reconcile(job, 100)
  return undone.map(({ reason }) => reason).join()
}

const treeOf = (files: Files, folder: string) => files.openRoot(`${folder}/tree`)

const ACTS = {
  'read a file below folders': ({ files }, root) =>
    content(files, files.openRead(root, 'deep/er/f')),

  'look into a folder': ({ files }, _root, folder) => {
    const found = files.stat(files.openRoot(`${folder}/d`), 'f')
    return `${found?.size} bytes`
  },

  'remove a folder of files': (host, root) => removing(host, root, 'd'),
  'remove a folder with an empty one': (host, root) => removing(host, root, 'n'),

  'read attributes': ({ files }, root) => {
    const names = files.readXattrs(root, 'f').map(({ name }) => name)
    return names.includes('user.some') ? 'has attributes' : 'has none'
  },

  'set metadata': ({ files }, root) => {
    const { uid, gid, modified } = files.statHandle(root)
    files.setMetadata(root, 'f', { mode: 0o600, uid, gid, modified, xattrs: [] })
    return 'done'
  },

  'copy a file': ({ files }, root) => {
    const said = attempt(() => files.copyFile(root, 'f', root, 'copy'))
    return `${said}, ${files.stat(root, 'copy')?.size ?? 'no'} bytes`
  },

  'read, write, sync and lock': ({ files }, root, folder) => {
    const log = files.openAppend(root, 'f', 0o600)
    files.write(log, arrayOfBytes(' and more'), 0, 9)
    files.sync(log)
    files.syncFileSystem(log)
    const locked = files.lock(log)
    return `${content(files, files.openFile(`${folder}/f`))}, locked: ${locked}`
  },

  'accept a connection': async ({ sockets }) => {
    const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 8)
    const address = { family: 4, address: '127.0.0.1', port: sockets.localPort(listener) } as const
    const near = await sockets.connect(address, TIMEOUT_MS)
    const { socket } = await sockets.accept(listener)
    for (const each of [near, socket]) sockets.close(each)
    sockets.closeListener(listener)
    return 'accepted'
  },

  'end a stream': async ({ sockets }) => {
    const listener = sockets.listen({ host: '127.0.0.1', port: 0 }, 8)
    const address = { family: 4, address: '127.0.0.1', port: sockets.localPort(listener) } as const
    const near = await sockets.connect(address, TIMEOUT_MS)
    sockets.shutdown(near)
    await sockets.accept(listener)
    return 'ended'
  },

  'list what is extra': ({ files, trees }, _root, folder) => {
    const manifest = files.openFile(`${folder}/manifest`)
    const options = { remove: false, pathsMax: 10 }
    return `extra: ${trees.extras(manifest, treeOf(files, folder), options).join()}`
  },

  'verify a tree': ({ files, trees }, _root, folder) => {
    const manifest = files.openFile(`${folder}/manifest`)
    const tree = treeOf(files, folder)
    const job = trees.openVerify({ manifest, tree, live: undefined, full: true })
    const { failures } = trees.verify(job, 100)
    return failures.map(({ what, found }) => `${what} "${found}"`).join() || 'right'
  },

  'reconcile with the same manifest': (host, _root, folder) => reconciled(host, folder, 'manifest'),
  'reconcile with another time': (host, _root, folder) => reconciled(host, folder, 'touched'),
} satisfies Record<string, Act>

export type ActName = keyof typeof ACTS

/** The program: its last two words are the act and its folder, and it writes what came of that. */
export async function act(host: Host): Promise<void> {
  const { files, processes } = host
  const [name = '', folder = ''] = processes.argv.slice(-2)
  let said: string
  try {
    const run: Act | undefined = (ACTS as Record<string, Act>)[name]
    said = run ? await run(host, files.openRoot(folder), folder) : `there is no act ${name}`
  } catch (error) {
    said = codeOf(error)
  }
  const line = arrayOfBytes(said)
  files.write(STDOUT, line, 0, line.length)
  processes.exit(0)
}
