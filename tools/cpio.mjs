/**
 * Writes the archive that a kernel unpacks as its first root: cpio "newc", from a list of entries. A writer
 * of our own, because cpio takes owners and devices from the disk (so only root could build), and bsdtar,
 * which can be told them, also writes the building machine's inode and disk numbers. Every byte follows
 * from the list. It knows no hard links: a file may be listed once.
 */

const TYPES = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 }
const TRAILER = 'TRAILER!!!'

const padded = (length) => Buffer.alloc((4 - (length % 4)) % 4)

/** One header, with the name, and the content after it. */
function record({ name, inode, mode, content, device: [major, minor] = [0, 0] }) {
  const bytesOfName = Buffer.from(`${name}\0`)
  const links = 1
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, major, minor]
  const fields = [...numbers, bytesOfName.length, 0].map((n) => n.toString(16).padStart(8, '0'))
  const head = Buffer.concat([Buffer.from(`070701${fields.join('')}`), bytesOfName])
  return Buffer.concat([head, padded(head.length), content, padded(content.length)])
}

/**
 * @typedef {object} Entry
 * @property {string} path below the root, without a slash before it
 * @property {'directory' | 'file' | 'link' | 'character'} type
 * @property {number} [mode] permission bits
 * @property {Buffer} [content] of a file
 * @property {string} [target] of a link
 * @property {[number, number]} [device]
 *
 * The archive of these entries, all of them root's and of the first second of 1970.
 * @param {Entry[]} entries
 */
export function writeCpio(entries) {
  // In the order of the paths a directory stands before what is in it.
  const sorted = [...entries].sort((a, b) =>
    Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)),
  )
  const records = sorted.map(({ path, type, mode = 0o777, content, target, device }, index) =>
    record({
      name: path,
      inode: index + 1,
      mode: TYPES[type] | mode,
      content: content ?? Buffer.from(target ?? ''),
      device,
    }),
  )
  const trailer = record({ name: TRAILER, inode: 0, mode: 0, content: Buffer.alloc(0) })
  return Buffer.concat([...records, trailer])
}
