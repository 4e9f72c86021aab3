/** The little of node:path that tests use: posix paths of texts. */

/** Without `.`, `..` (where something stands before it), doubled and closing slashes. */
function normal(path: string): string {
  const kept: string[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (name !== '..' || !path.startsWith('/')) kept.push(name)
  }
  const text = kept.join('/')
  return path.startsWith('/') ? `/${text}` : text || '.'
}

export const join = (...parts: string[]): string =>
  normal(parts.filter((part) => part !== '').join('/'))

export function dirname(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '.' : path.slice(0, slash) || '/'
}

export const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
