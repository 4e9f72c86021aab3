/**
 * Tells when something below some folders changes. It watches folders and not files: an editor that saves
 * by renaming gives a file another inode, and Node's own recursive watch sees only the first of such saves.
 */
import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/** Calls `changed` after each change, from now on; folders that come later are watched, too. */
export function watchFolders(folders, changed) {
  const watched = new Set()
  const begin = (folder) => {
    if (watched.has(folder) || !existsSync(folder)) return
    watched.add(folder)
    const watcher = watch(folder, () => {
      if (existsSync(folder)) beginBelow(folder)
      else end()
      changed()
    })
    const end = () => {
      watched.delete(folder)
      watcher.close()
    }
    watcher.on('error', end)
    beginBelow(folder)
  }
  const beginBelow = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) begin(join(folder, entry.name))
    }
  }
  for (const folder of folders) begin(folder)
}
