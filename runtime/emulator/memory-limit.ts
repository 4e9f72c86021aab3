/**
 * The memory that JavaScript may take. QuickJS' own limit counts next to nothing in the wasm build
 * (which can't ask how large a block is), so the wasm heap is watched below it; if it was larger from
 * the start, an unused block fills it up. The heap includes fragmentation, which makes this limit a little
 * stricter than the laptop's. QuickJS does not survive every refusal, and the host ends the process at
 * one: here QuickJS gets the memory all the same, and the next call ends the program.
 */
import type { QuickJSWASMModule } from 'quickjs-emscripten'

/** emscripten's allocator, which the package keeps to itself. */
interface Heap {
  _malloc(size: number): number
  _free(pointer: number): void
}

const PAGE = 64 * 1024
/** How often emscripten asks for one growth, each time for less. */
const GROW_TRIES = 3

export class MemoryLimit {
  /** Whether more was taken than is allowed: the program has to end. */
  ranOut = false
  private readonly heap: Heap

  /** To be made before the engine has allocated anything. */
  constructor(quickjs: QuickJSWASMModule, limitBytes: number) {
    this.heap = (quickjs as unknown as { module: Heap }).module
    const memory = quickjs.getWasmMemory()
    const first = this.heap._malloc(1)
    this.heap._free(first)
    // Below the first block are the stack and the engine's constants.
    const endMax = first + limitBytes
    let refused = 0
    const grow = memory.grow.bind(memory)
    memory.grow = (pages: number) => {
      const isBeyond = memory.buffer.byteLength + pages * PAGE > endMax + PAGE
      if (!isBeyond) refused = 0
      // emscripten first asks for more than it needs, twice.
      else if (!this.ranOut && ++refused < GROW_TRIES) throw new RangeError('no room')
      else this.ranOut = true
      return grow(pages)
    }
    const fillerBytes = memory.buffer.byteLength - endMax
    if (fillerBytes > 0) this.heap._malloc(fillerBytes)
  }

  /** Whether so much could be allocated now. The package writes to address 0 where it can't. */
  fits(bytes: number): boolean {
    const pointer = this.heap._malloc(bytes)
    if (pointer !== 0) this.heap._free(pointer)
    return pointer !== 0 && !this.ranOut
  }
}
