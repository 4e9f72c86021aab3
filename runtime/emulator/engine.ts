/**
 * One program in the wasm QuickJS: the engine with its memory limit, the native modules that bridge.ts
 * makes, and the turning of the job queue. Knows nothing of the device behind the host.
 */
import { readFileSync } from 'node:fs'
import {
  newQuickJSWASMModule,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  RELEASE_SYNC,
} from 'quickjs-emscripten'
import { ConfigError } from '../../src/errors.ts'
import type { Host } from '../../src/host.ts'
import { type Answer, Bridge } from './bridge.ts'
import { MemoryLimit } from './memory-limit.ts'

/** As the C host: what nobody caught is an internal error (sysexits' EX_SOFTWARE). */
const EXIT_INTERNAL_ERROR = 70
/** Enough for any recursion that we write; WebAssembly's own stack is larger (bytes). */
const STACK_MAX = 256 * 1024

/** What an engine with nothing in it takes (bytes). */
const START_BYTES = 512 * 1024
/** What carrying an answer takes beside the answer (bytes). */
const CARRY_BYTES = 16 * 1024
/** How often the peak of the program's memory is measured: each look walks its heap. */
const CALLS_BETWEEN_LOOKS = 1000

interface Program {
  /** What errors call it. */
  name: string
  text: string
  host: Host
  memoryBytes: number
  /** Gets the one line that the C host would write to stderr. */
  complain(text: string): void
  /** Sees every call of a native module and its answer, where somebody wants to. */
  trace?: ((line: string) => void) | undefined
}

export interface MemoryUse {
  nowBytes: number
  mostBytes: number
}

/** What QuickJS says of its memory, among much else. */
interface MemoryDump {
  memory_used_size: number
}

/** Thrown by `exit` through the bridge, and seen by nobody. */
class Exit extends Error {
  constructor(readonly status: number) {
    super(`exit ${status}`)
  }
}

export class Engine {
  /** Undefined while the program runs. */
  status: number | undefined
  private readonly bridge: Bridge
  private readonly settleGuest: QuickJSHandle
  private readonly askGuest: QuickJSHandle
  private main: QuickJSHandle | undefined
  private ended: (status: number) => void = () => {}
  private inside = false
  private mostBytes = 0
  private calls = 0

  private constructor(
    private readonly runtime: QuickJSRuntime,
    private readonly context: QuickJSContext,
    private readonly program: Program,
    private readonly limit: MemoryLimit,
  ) {
    const { host } = program
    const exit = (status: number): never => {
      this.status = status
      throw new Exit(status)
    }
    this.bridge = new Bridge(
      { ...host, processes: { ...host.processes, exit } },
      (id, answer) => this.settle(id, answer),
      (number, words) => this.ask(number, words),
    )
    // The room that memory-limit.ts leaves is what counts; this refuses single giants at once.
    runtime.setMemoryLimit(program.memoryBytes)
    runtime.setMaxStackSize(STACK_MAX)
    // After exit nothing runs any more, even if the program catches errors.
    runtime.setInterruptHandler(() => this.isOver())
    runtime.setModuleLoader((name) => this.load(name))
    const { settle, ask } = this.startBridge()
    this.settleGuest = settle
    this.askGuest = ask
  }

  static async start(program: Program): Promise<Engine> {
    const quickjs = await newQuickJSWASMModule(RELEASE_SYNC)
    const limit = new MemoryLimit(quickjs, program.memoryBytes)
    if (!limit.fits(START_BYTES)) {
      throw new ConfigError(
        `${program.memoryBytes} bytes are too few for the engine`,
        `give it at least ${START_BYTES}`,
      )
    }
    const runtime = quickjs.newRuntime()
    return new Engine(runtime, runtime.newContext(), program, limit)
  }

  /** Runs the program to its end: its exit status. The caller has to drive time in the meantime. */
  run(): Promise<number> {
    return new Promise((resolve) => {
      this.ended = resolve
      this.enter(() => {
        const { text, name } = this.program
        const result = this.context.evalCode(text, name, { type: 'module' })
        if (result.error) this.fail(result.error)
        else this.main = result.value
      })
    })
  }

  memory(): MemoryUse {
    const handle = this.runtime.computeMemoryUsage()
    const { memory_used_size: nowBytes } = this.context.dump(handle) as MemoryDump
    handle.dispose()
    this.mostBytes = Math.max(this.mostBytes, nowBytes)
    return { nowBytes, mostBytes: this.mostBytes }
  }

  private load(name: string): string {
    if (name === 'native:bridge') return readFileSync(new URL('guest.js', import.meta.url), 'utf8')
    if (name.startsWith('native:')) return this.bridge.moduleText(name.slice('native:'.length))
    throw new Error(`there is no module "${name}"`)
  }

  private startBridge(): { settle: QuickJSHandle; ask: QuickJSHandle } {
    const { context } = this
    const call = context.newFunction('hostCall', (name, words, bytes) =>
      this.serve(name, words, bytes),
    )
    context.setProp(context.global, 'hostCall', call)
    call.dispose()
    const result = context.evalCode(`import 'native:bridge'`, 'start', { type: 'module' })
    context.unwrapResult(result).dispose()
    const module = context.unwrapResult(
      context.evalCode(`export { settle, ask } from 'native:bridge'`, 'bridge', { type: 'module' }),
    )
    const settle = context.getProp(module, 'settle')
    const ask = context.getProp(module, 'ask')
    module.dispose()
    return { settle, ask }
  }

  /** One call of the guest's; without the memory to carry it, the guest gets no answer and ends. */
  private serve(name: QuickJSHandle, words: QuickJSHandle, bytes?: QuickJSHandle): QuickJSHandle {
    const { context } = this
    if (this.limit.ranOut) return this.starve()
    const text = context.getString(words)
    // No memory for the copy of a text leaves it empty.
    if (text === '') return this.starve()
    let content: Uint8Array | undefined
    if (bytes && context.typeof(bytes) === 'object') {
      try {
        content = this.contentOf(bytes)
      } catch {
        return this.starve()
      }
    }
    return this.carry(this.answer(context.getString(name), text, content))
  }

  private starve(): QuickJSHandle {
    if (this.status === undefined) {
      this.status = EXIT_INTERNAL_ERROR
      this.program.complain('xo-upgrade: internal error: out of memory\n')
    }
    return this.context.undefined
  }

  private isOver(): boolean {
    if (this.limit.ranOut) this.starve()
    return this.status !== undefined
  }

  /** After exit nothing may happen any more, though the guest may run a little further. */
  private answer(name: string, words: string, bytes: Uint8Array | undefined): Answer {
    if (this.status !== undefined) return '!{"message":"exited"}'
    const answer = this.bridge.call(name, words, bytes)
    this.program.trace?.(`${name} ${words}${shown(bytes)} ->${shown(answer)}`)
    if (++this.calls % CALLS_BETWEEN_LOOKS === 0) this.memory()
    return answer
  }

  private contentOf(buffer: QuickJSHandle): Uint8Array {
    const lifetime = this.context.getArrayBuffer(buffer)
    const bytes = lifetime.value.slice()
    lifetime.dispose()
    return bytes
  }

  /** The guest's own function, in the middle of a call of the guest's. */
  private ask(number: number, words: string): string {
    const { context } = this
    const [place, text] = [context.newNumber(number), context.newString(words)]
    const result = context.callFunction(this.askGuest, context.undefined, place, text)
    place.dispose()
    text.dispose()
    if (result.error) {
      this.fail(result.error)
      return ''
    }
    const answer = context.getString(result.value)
    result.value.dispose()
    return answer
  }

  private carry(answer: Answer): QuickJSHandle {
    const { context } = this
    if (answer === undefined) return context.undefined
    if (!this.limit.fits(2 * answer.length + CARRY_BYTES)) return this.starve()
    if (typeof answer === 'string') return context.newString(answer)
    return context.newArrayBuffer(answer as unknown as ArrayBuffer)
  }

  /** Ends a program that will never end by itself. */
  stop(status: number): void {
    this.status ??= status
    this.end(this.status)
  }

  private settle(id: number, answer: Answer): void {
    if (this.status !== undefined) return
    this.enter(() => {
      const { context } = this
      const number = context.newNumber(id)
      const value = this.carry(answer)
      const result = context.callFunction(this.settleGuest, context.undefined, number, value)
      number.dispose()
      value.dispose()
      if (result.error) this.fail(result.error)
      else result.value.dispose()
    })
  }

  /** Every way into the guest: runs what became ready, and sees whether that was the end. */
  private enter(run: () => void): void {
    if (this.inside) throw new Error('the guest was entered from within')
    this.inside = true
    run()
    const jobs = this.runtime.executePendingJobs()
    if (jobs.error) this.fail(jobs.error)
    this.inside = false
    if (!this.isOver() && this.main) this.lookAtMain(this.main)
    if (this.status !== undefined) this.end(this.status)
  }

  private lookAtMain(main: QuickJSHandle): void {
    const state = this.context.getPromiseState(main)
    if (state.type === 'rejected') this.fail(state.error)
    // A module that awaits nothing gives no promise, and a program that never calls exit succeeds.
    if (state.type === 'fulfilled' && this.bridge.unsettled === 0) this.status ??= 0
    if (state.type === 'fulfilled' && !state.notAPromise) state.value.dispose()
  }

  private end(status: number): void {
    const { ended } = this
    this.ended = () => {}
    ended(status)
  }

  /** What nobody caught. `Exit` also comes this way. */
  private fail(error: QuickJSHandle): void {
    this.runtime.setMemoryLimit(-1)
    const shown = this.isOver() ? undefined : this.context.dump(error)
    error.dispose()
    if (this.status !== undefined) return
    this.status = EXIT_INTERNAL_ERROR
    // QuickJS throws null where there was no memory for an error.
    const text = shown === null ? 'out of memory' : describe(shown)
    this.program.complain(`xo-upgrade: internal error: ${text}\n`)
  }

  /** Gives the engine's memory back. To be called once, after the end. */
  dispose(): void {
    this.memory()
    this.settleGuest.dispose()
    this.askGuest.dispose()
    this.main?.dispose()
  }
}

function describe(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { name = 'Error', message = '', stack = '' } = error as Record<string, string>
  return `${name}: ${message}\n${stack}`.trimEnd()
}

/** One part of a line of the trace: content is shown as its length and a sum. */
function shown(part: Answer): string {
  if (part === undefined) return ''
  if (typeof part === 'string') return ` ${part}`
  let sum = 0
  for (const byte of part) sum = (Math.imul(sum, 31) + byte) >>> 0
  return ` ${part.length} bytes ${sum.toString(16)}`
}
