/**
 * One kind of work of our C, done so often as told, on the built host: `host on-host.js KIND TIMES WORDS…`. What it
 * prints is how much there was of it in all, in bytes or entries. `nothing` is what starting costs.
 */
import * as checksums from 'native:checksums'
import * as delta from 'native:delta'
import * as files from 'native:files'
import { encodeFiles } from 'native:pack-coder'
import * as packs from 'native:packs'
import { argv } from 'native:processes'
import * as trees from 'native:trees'

const CONTENT_SIZE_MAX = 2 ** 32
const LIST_PIECE = 64 * 1024
const MEMORY_MAX = 2 ** 30

function readWhole(path) {
  const fd = files.openFile(path)
  const bytes = new Uint8Array(files.statHandle(fd).size)
  let length = 0
  for (let count = -1; count !== 0; length += count) {
    count = files.read(fd, bytes, length, bytes.length - length)
  }
  files.close(fd)
  return bytes
}

/** An empty file to write to, once more the same one. */
function emptied(folder) {
  const root = files.openRoot(folder)
  if (files.stat(root, 'made')) files.removeFile(root, 'made')
  const made = files.createFile(root, 'made', 0o600)
  files.close(root)
  return made
}

const WORK = {
  nothing: () => 0,

  digest(path) {
    const fd = files.openFile(path)
    const { size } = checksums.digestFile(fd, CONTENT_SIZE_MAX)
    files.close(fd)
    return size
  },

  /** Files of a pack, one after the other into one file. */
  decode(pack, oldManifest, newManifest, oldTree, folder) {
    const made = emptied(folder)
    const [from, root] = [files.openFile(pack), files.openRoot(oldTree)]
    const manifests = { old: files.openFile(oldManifest), new: files.openFile(newManifest) }
    const opened = packs.openPack(from, pack)
    packs.openFiles(opened, manifests)
    let size = 0
    while (packs.nextStretch(opened)) {
      for (let file = packs.nextFile(opened); file; file = packs.nextFile(opened)) {
        const base = file.base && files.openRead(root, file.base.path)
        const outcome = packs.applyFile(opened, base, made)
        if (outcome.digest !== file.digest) throw new Error(`${file.path} came out wrong`)
        if (base !== undefined) files.close(base)
        size += outcome.size
      }
    }
    packs.closePack(opened)
    for (const fd of [made, from, root, manifests.old, manifests.new]) files.close(fd)
    return size
  },

  /** Every file of the new tree from the one with its name in the old one. */
  encode(oldTree, newTree, folder, ...paths) {
    const made = emptied(folder)
    const [oldRoot, newRoot] = [files.openRoot(oldTree), files.openRoot(newTree)]
    const wishes = paths.map((path, at) => ({
      line: at + 1,
      path,
      size: files.stat(newRoot, path).size,
      bases: [{ line: at + 1, path, size: files.stat(oldRoot, path).size, isNew: false }],
      isPlain: false,
    }))
    encodeFiles({
      oldTree: oldRoot,
      newTree: newRoot,
      files: wishes,
      target: made,
      workers: 1,
      memoryMax: MEMORY_MAX,
      onProgress: () => {},
    })
    for (const fd of [made, oldRoot, newRoot]) files.close(fd)
    return wishes.reduce((sum, { size }) => sum + size, 0)
  },

  /** `entries`: how many the manifest has that comes out. */
  rebuild(pack, oldManifest, folder, entries) {
    const [from, old, made] = [files.openFile(pack), files.openFile(oldManifest), emptied(folder)]
    const opened = packs.openPack(from, pack)
    packs.rebuildManifest(opened, old, made, CONTENT_SIZE_MAX)
    packs.closePack(opened)
    for (const fd of [from, old, made]) files.close(fd)
    return Number(entries)
  },

  merge(oldManifest, newManifest, folder) {
    const [old, manifest] = [files.openFile(oldManifest), files.openFile(newManifest)]
    const tree = files.openRoot(folder)
    const live = { manifest: old, root: tree }
    const job = trees.openReconcile({ manifest, tree: undefined, live, dryRun: true, unseen: true })
    const { entries } = trees.reconcile(job, Number.MAX_SAFE_INTEGER)
    trees.closeReconcile(job)
    for (const fd of [old, manifest, tree]) files.close(fd)
    return entries
  },

  list(path) {
    const bytes = readWhole(path)
    const options = { protocol: 31, varintFlags: true, relative: false, entriesMax: 1e6 }
    const list = delta.openFileList(options)
    for (let at = 0; !delta.listEnded(list); ) {
      const used = delta.feedList(list, bytes, at, Math.min(LIST_PIECE, bytes.length - at))
      if (used === 0) throw new Error(`the list breaks off at ${at}`)
      at += used
    }
    const { entries } = delta.listSummary(list)
    delta.closeFileList(list)
    return entries
  },
}

const [, kind, times, ...words] = argv
let amount = 0
for (let i = 0; i < Number(times); i++) amount += WORK[kind](...words)
const said = Uint8Array.from(`${amount}\n`, (unit) => unit.charCodeAt(0))
files.write(1, said, 0, said.length)
