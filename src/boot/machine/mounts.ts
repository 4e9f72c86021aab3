/** The file systems that every step after them needs. Each is mounted once, even if a step is repeated. */
import { isSystemError } from '../../errors.ts'
import type { Host, Path, System } from '../../host.ts'

type Flags = Parameters<System['mount']>[3]

/** Makes a folder and those above it, from the root. */
export function makePath({ files }: Host, path: Path): void {
  const root = files.openRoot('/')
  try {
    let made = ''
    for (const name of path.split('/').filter(Boolean)) {
      made = made === '' ? name : `${made}/${name}`
      if (!files.stat(root, made)) files.makeDirectory(root, made, 0o755)
    }
  } finally {
    files.close(root)
  }
}

/**
 * Makes a folder that nobody uses yet: this one, or one with a number after its name. What a live swap
 * lays over the new system must not start out with what the old one has written.
 */
export function makeUnused(host: Host, path: Path): Path {
  const root = host.files.openRoot('/')
  try {
    for (let number = 1; ; number++) {
      const unused = number === 1 ? path : `${path}-${number}`
      if (host.files.stat(root, unused.slice(1))) continue
      makePath(host, unused)
      return unused
    }
  } finally {
    host.files.close(root)
  }
}

/** Whether another file system begins there. */
function isMounted({ files }: Host, path: Path): boolean {
  const deviceOf = (place: Path) => {
    const fd = files.openRoot(place)
    try {
      return files.statHandle(fd).identity.split(':')[0]
    } finally {
      files.close(fd)
    }
  }
  try {
    return deviceOf(path) !== deviceOf(`${path}/..`)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

/** Mounts one of the kernel's own file systems, if it is not there yet. */
export function mountOwn(host: Host, type: string, target: Path, flags: Flags, options = ''): void {
  makePath(host, target)
  if (!isMounted(host, target)) host.system.mount(type, target, type, flags, options)
}

/** Takes away all that is mounted there, one upon the other. */
export function unmountIfThere(host: Host, target: Path): void {
  try {
    for (;;) host.system.unmount(target, true)
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOENT')) throw error
  }
}

/** A second name for a folder, or for one file. */
export function bind({ system }: Host, source: Path, target: Path): void {
  system.mount(source, target, '', ['bind'], '')
}

/** What is mounted in it from now on does not come and go at the other names of the same folder. */
export function makePrivate({ system }: Host, target: Path): void {
  system.mount('', target, '', ['private'], '')
}

/** Of a mount that is a second name: it alone becomes read-only. */
export function makeReadOnly({ system }: Host, target: Path): void {
  system.mount('', target, '', ['bind', 'remount', 'read-only'], '')
}
