/**
 * The far side of the bridge: answers the calls that guest.ts makes with the modules of a host, and
 * settles its promises. It knows no engine: engine.ts carries strings and buffers between the two.
 */
import type { Host } from '../../src/host.ts'

/** What an answer is made of: see `received` in guest.ts. */
export type Answer = string | Uint8Array | undefined

type Native = (...values: unknown[]) => unknown
/** A call whose buffers came as bytes beside its values. */
type Shaped = (bytes: Uint8Array, values: unknown[]) => unknown

const NOTHING = new Uint8Array(0)

export class Bridge {
  private readonly things = new Map<number, object>()
  private readonly numbers = new Map<object, number>()
  private lastNumber = 0
  private lastPromise = 0
  private readonly shaped: Record<string, Shaped>
  /** Promises that the guest waits for. */
  unsettled = 0

  constructor(
    private readonly host: Host,
    private readonly settle: (id: number, answer: Answer) => void,
    /** Calls a function that the guest gave to the call under way. */
    private readonly ask: (number: number, words: string) => string,
  ) {
    this.shaped = this.shapes()
  }

  /** The text of a native module as the guest imports it. */
  moduleText(name: string): string {
    const key = name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())
    const module = this.host[key as keyof Host] as Record<string, unknown>
    if (module === undefined) throw new Error(`there is no module native:${name}`)
    const lines = Object.entries(module).map(([member, value]) => {
      const maker =
        typeof value === 'function'
          ? `native('${key}.${member}')`
          : `constant(${JSON.stringify(this.answer(value))})`
      return `const ${member}_ = ${maker}\nexport { ${member}_ as ${member} }\n`
    })
    return `import { native, constant } from 'native:bridge'\n${lines.join('')}`
  }

  call(name: string, words: string, bytes: Uint8Array | undefined): Answer {
    try {
      const values = (JSON.parse(words) as unknown[]).map((value) => this.decode(value))
      const shape = this.shaped[name]
      if (shape) return this.answer(shape(bytes ?? NOTHING, values))
      const [module = '', member = ''] = name.split('.')
      const functions = this.host[module as keyof Host] as unknown as Record<string, Native>
      return this.answer((functions[member] as Native)(...values))
    } catch (error) {
      return failure(error)
    }
  }

  private shapes(): Record<string, Shaped> {
    const { files, sockets, delta, checksums, processes, sending } = this.host
    const filled = (length: unknown, fill: (buffer: Uint8Array) => number) => {
      const buffer = new Uint8Array(length as number)
      return buffer.subarray(0, fill(buffer))
    }
    type Any = never
    return {
      'files.read': (_, [fd, length, position]) => {
        const buffer = new Uint8Array(length as number)
        const at = position as number | undefined
        const count =
          at === undefined
            ? files.read(fd as number, buffer, 0, buffer.length)
            : files.read(fd as number, buffer, 0, buffer.length, at)
        return buffer.subarray(0, count)
      },
      'files.write': (bytes, [fd]) => files.write(fd as number, bytes, 0, bytes.length),
      'sockets.read': async (_, [socket, length, timeoutMs]) => {
        const buffer = new Uint8Array(length as number)
        const count = await sockets.read(socket as Any, buffer, 0, buffer.length, timeoutMs as Any)
        return buffer.subarray(0, count)
      },
      'sockets.write': (bytes, [socket, timeoutMs]) =>
        sockets.write(socket as Any, bytes, 0, bytes.length, timeoutMs as Any),
      'sockets.sendDatagram': (bytes, [datagram, address]) =>
        sockets.sendDatagram(datagram as Any, address as Any, bytes, 0, bytes.length),
      'sockets.receiveDatagram': async (_, [datagram, length, timeoutMs]) => {
        const buffer = new Uint8Array(length as number)
        const result = await sockets.receiveDatagram(datagram as Any, buffer, timeoutMs as Any)
        return { ...result, bytes: buffer.subarray(0, result.length) }
      },
      'delta.feed': (bytes, [rebuilder]) => delta.feed(rebuilder as Any, bytes, 0, bytes.length),
      'delta.feedList': (bytes, [list]) => delta.feedList(list as Any, bytes, 0, bytes.length),
      'sending.feedSums': (bytes, [sender]) =>
        sending.feedSums(sender as Any, bytes, 0, bytes.length),
      'sending.produce': (_, [sender, length]) =>
        filled(length, (buffer) => sending.produce(sender as Any, buffer, 0, buffer.length)),
      'sending.drainList': (_, [list, length]) =>
        filled(length, (buffer) => sending.drainList(list as Any, buffer, 0, buffer.length)),
      'checksums.hash': (bytes, [algorithm]) => checksums.hash(algorithm as Any, bytes),
      'processes.start': (_, [options]) => {
        const process = processes.start(options as Any)
        return { ...process, handle: new ProcessHandle(process) }
      },
      'processes.signal': (_, [handle, signal]) => {
        if (!(handle instanceof ProcessHandle)) throw new TypeError('no process of ours')
        processes.signal(handle.process as Any, signal as number)
      },
    }
  }

  private decode(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((part) => this.decode(part))
    const { $: kind, of } = value as { $?: string; of?: unknown }
    if (kind === 'undefined') return undefined
    if (kind === 'number') return Number(of)
    if (kind === 'function') {
      return (...values: unknown[]) => {
        const answer = this.ask(of as number, JSON.stringify(values))
        // The guest keeps what it threw, and throws it again when this call has ended.
        if (answer === '') throw new Error('the guest threw')
        return JSON.parse(answer)
      }
    }
    if (kind === 'strange') return Symbol('no value of a contract')
    if (kind === 'bytes') return Uint8Array.from(Buffer.from(of as string, 'latin1'))
    if (kind === 'handle') return this.things.get(of as number)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, this.decode(part)]))
  }

  private answer(value: unknown): Answer {
    if (value === undefined) return undefined
    if (value instanceof Uint8Array && value.length > 0) return value
    let strange = false
    const encode = (part: unknown): unknown => {
      if (typeof part !== 'object' || part === null) {
        if (part === undefined || (typeof part === 'number' && !Number.isFinite(part))) {
          strange = true
          return part === undefined ? { $: 'undefined' } : { $: 'number', of: `${part}` }
        }
        return part
      }
      if (Array.isArray(part)) return part.map(encode)
      if (isPlain(part)) {
        const fields = Object.entries(part)
        return Object.fromEntries(fields.map(([key, field]) => [key, encode(field)]))
      }
      strange = true
      if (part instanceof Uint8Array)
        return { $: 'bytes', of: Buffer.from(part).toString('latin1') }
      if (part instanceof Promise) return { $: 'promise', of: this.promised(part) }
      return { $: 'handle', of: this.numberOf(part) }
    }
    const text = JSON.stringify(encode(value))
    return `${strange ? '+' : '='}${text}`
  }

  private numberOf(thing: object): number {
    const known = this.numbers.get(thing)
    if (known !== undefined) return known
    const number = ++this.lastNumber
    this.things.set(number, thing)
    this.numbers.set(thing, number)
    return number
  }

  private promised(promise: Promise<unknown>): number {
    const id = ++this.lastPromise
    this.unsettled++
    const settled = (answer: Answer) => {
      this.unsettled--
      this.settle(id, answer)
    }
    promise.then(
      (value) => settled(this.answer(value)),
      (error) => settled(failure(error)),
    )
    return id
  }
}

class ProcessHandle {
  constructor(readonly process: object) {}
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** An error with all of its own properties, of which SystemErrors have many. */
function failure(error: unknown): string {
  if (!(error instanceof Error)) return `!${JSON.stringify({ message: String(error) })}`
  const kind = [TypeError, RangeError].find((known) => error instanceof known)?.name ?? 'Error'
  const { message, stack: _, ...properties } = error as Error & Record<string, unknown>
  // A name of the class is the guest's to know; one of its own has to travel.
  return `!${JSON.stringify({ ...properties, kind, message })}`
}
