/** Who may read what is served, where not everybody may: a file as stock daemons have it, `USER:PASSWORD` a line. */
import { ConfigError } from '../errors.ts'
import type { Files, Path } from '../host.ts'
import { CONFIGURATION_SIZE_MAX } from '../limits.ts'
import { readAndClose } from '../small-file.ts'
import { bytesOfArray, show } from '../text.ts'

export function readSecrets(files: Files, path: Path): ReadonlyMap<Path, Path> {
  const fd = files.openFile(path)
  const isOpen = (files.statHandle(fd).mode & 0o077) !== 0
  const content = bytesOfArray(readAndClose(files, fd, path, CONFIGURATION_SIZE_MAX))
  if (isOpen) {
    throw new ConfigError(
      `${show(path)} holds passwords and is open to others`,
      `run: chmod 600 ${show(path)}`,
    )
  }
  const secrets = new Map<Path, Path>()
  for (const line of content.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    // As on a stock daemon, a group's line would begin with @; nobody here is in a group.
    if (colon < 1) {
      throw new ConfigError(`${show(path)} has a line that is not USER:PASSWORD`)
    }
    secrets.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return secrets
}
