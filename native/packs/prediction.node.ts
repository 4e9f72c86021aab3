/** The map of where places of a base went, for the Node side of prediction (docs/PACKS.md). */

export interface Block {
  newPlace: number
  oldPlace: number
  length: number
}

/** A piece of a block. What it really is follows from its fixes. */
export interface Piece extends Block {
  predicted: Uint8Array
  fixes: Uint8Array
}

/** Gives a field's right value, once its prediction is final. */
export function truth(piece: Piece, at: number): number {
  return ((piece.predicted[at] as number) + (piece.fixes[at] as number)) & 0xff
}

export function truth32(piece: Piece, at: number): number {
  const bytes = [0, 1, 2, 3].map((i) => truth(piece, at + i) * 256 ** i)
  return bytes.reduce((sum, byte) => sum + byte, 0)
}

/** A number of 32 bits, whatever came of the sum. */
export const wrapped = (value: number): number => ((value % 2 ** 32) + 2 ** 32) % 2 ** 32

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function put32(piece: Piece, at: number, value: number): void {
  viewOf(piece.predicted).setUint32(at, wrapped(value), true)
}

export class PlaceMap {
  private readonly blocks: Block[]

  constructor(main: Block[]) {
    this.blocks = [...main].sort(
      (a, b) => a.oldPlace - b.oldPlace || a.length - b.length || a.newPlace - b.newPlace,
    )
  }

  /** Possibly outside of the content. */
  place(old: number): number {
    const block = this.company(old)
    return block ? old + block.newPlace - block.oldPlace : old
  }

  private company(old: number): Block | undefined {
    const { blocks } = this
    let next = 0
    let high = blocks.length
    while (next < high) {
      const middle = (next + high) >> 1
      if ((blocks[middle] as Block).oldPlace <= old) next = middle + 1
      else high = middle
    }
    if (next === 0) return blocks[0]
    let best = blocks[next - 1]
    let nearest = Number.POSITIVE_INFINITY
    for (let i = next - 1; i >= 0 && i >= next - 8; i--) {
      const block = blocks[i] as Block
      const end = block.oldPlace + block.length
      if (old < end) return block
      if (old - end >= nearest) continue
      nearest = old - end
      best = block
    }
    const later = blocks[next]
    return later && later.oldPlace - old < nearest ? later : best
  }
}
