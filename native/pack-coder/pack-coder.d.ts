/**
 * The publisher's half of packs: makes the frames that carry the files of a new tree (docs/PACKS.md), for the
 * device's half (native:packs) to rebuild them from an old one. Only the publisher's programs have it; in all
 * others this module is empty, and `encodeFiles` is undefined.
 */
declare module 'native:pack-coder' {
  type Fd = number
  /** A byte string below the folder of its tree, without `./`. */
  type Path = string

  /** A file that another one may be made from. */
  interface PackBase {
    /** The number of its entry in the manifest of its tree, from 0. */
    line: number
    path: Path
    /** As its manifest has it; a file of another size is a SystemError EINVAL. */
    size: number
    /** It is one of the new tree, and stands in the pack before the file that is made from it. */
    isNew: boolean
  }

  /** A file that the pack has to carry. */
  interface PackFile {
    /** The number of its entry in the new manifest, from 0. */
    line: number
    path: Path
    /** As the manifest has it; a file of another size is a SystemError EINVAL. */
    size: number
    /** Best first, at most 8. Each is tried, and so is none; what takes the fewest bytes is in the pack. */
    bases: PackBase[]
    /** Carried as it is: no base, and a .gz stays closed. For a file that did not come out right. */
    isPlain: boolean
  }

  interface PackWork {
    /** The folders of the two trees; -1 for no old tree. */
    oldTree: Fd
    newTree: Fd
    /** In the order of their entries. */
    files: PackFile[]
    /** Where the frames go, one after the other, from where it stands. */
    target: Fd
    /** Threads, 1 to 64. The bytes don't depend on it. */
    workers: number
    /** Bytes that all of them together may take; one file alone may exceed it. The bytes don't depend on it. */
    memoryMax: number
    /** After each file, in their order. What it throws ends the work. */
    onProgress: (files: number, bytes: number, path: Path) => void
  }

  interface PackFrame {
    /** Compressed, in bytes. */
    length: number
    /** The entry of the first record in it, or of the file that it goes on with. */
    line: number
    goesOn: boolean
  }

  interface PackSummary {
    frames: PackFrame[]
    /** Files by how they are carried: made from another one, or whole. */
    fromBase: number
    whole: number
    /** Of both, those whose .gz was opened. */
    opened: number
    /** Bytes before compression: what was carried, and the four sections. */
    bytes: number
    sections: { control: number; gaps: number; fixes: number; text: number }
  }

  /** Encodes all files, and writes their frames. Returns when they are written; nothing else runs meanwhile. */
  export const encodeFiles: ((work: PackWork) => PackSummary) | undefined

  /** One frame of a pack with this content (zstd -19, its size stated), for the manifest and the index. */
  export const compressFrame: ((content: Uint8Array) => Uint8Array) | undefined
}
