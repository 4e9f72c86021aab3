/**
 * The near side of the bridge: runs inside the wasm QuickJS as the module `native:bridge`, and makes
 * native modules out of one function of the emulator's, `hostCall`. Values cross as JSON, content as
 * whole buffers. It imports nothing (its text is loaded as it is), and decides nothing: contracts
 * belong to bridge.ts and what is behind it.
 */

/** Returns JSON after one letter (see `received`), bytes, or nothing. */
type HostCall = (name: string, words: string, bytes?: ArrayBuffer) => unknown

const world = globalThis as { hostCall?: HostCall }
const hostCall = world.hostCall as HostCall
// The bundle must find what it finds on a laptop, and no more.
delete world.hostCall

/** What the host holds for us: a socket, a job, a decoder. */
class Handle {
  constructor(readonly id: number) {}
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

const waiting = new Map<number, Waiting>()
/** Functions that the call under way was given; the host may call them until it answers. */
const given: ((...values: unknown[]) => unknown)[] = []
/** What one of these threw. */
let thrown: { error: unknown } | undefined
const handles = new Map<number, Handle>()

/** Values that JSON lacks go as `{ $: kind, of: … }`. */
function encode(value: unknown): unknown {
  if (value === undefined) return { $: 'undefined' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $: 'number', of: `${value}` }
  if (typeof value === 'function') {
    return { $: 'function', of: given.push(value as (typeof given)[number]) - 1 }
  }
  if (typeof value === 'bigint' || typeof value === 'symbol') return { $: 'strange' }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Handle) return { $: 'handle', of: value.id }
  if (value instanceof Uint8Array) return { $: 'bytes', of: textOf(value) }
  if (Array.isArray(value)) return value.map(encode)
  const plain: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) {
    if (part !== undefined) plain[key] = encode(part)
  }
  return plain
}

function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(decode)
  const record = value as Record<string, unknown>
  const { $: kind, of } = record
  if (kind === 'undefined') return undefined
  if (kind === 'number') return Number(of)
  if (kind === 'bytes') return bytesOf(of as string)
  if (kind === 'handle') return handleOf(of as number)
  if (kind === 'promise') return promiseOf(of as number)
  for (const key of Object.keys(record)) record[key] = decode(record[key])
  return record
}

function textOf(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  }
  return text
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** The same handle for the same thing, so that the bundle may use it as a key. */
function handleOf(id: number): Handle {
  const known = handles.get(id)
  if (known) return known
  const handle = new Handle(id)
  handles.set(id, handle)
  return handle
}

function promiseOf(id: number): Promise<unknown> {
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
}

const errorKinds: Record<string, ErrorConstructor> = { Error, TypeError, RangeError }

function errorOf(text: string): Error {
  const { kind, message, ...properties } = JSON.parse(text)
  const error = new (errorKinds[kind] ?? Error)(message)
  return Object.assign(error, properties)
}

/** `=` JSON as it is, `+` JSON with values that it lacks, `!` an error. */
function received(answer: unknown): unknown {
  if (typeof answer !== 'string') {
    return answer === undefined ? undefined : new Uint8Array(answer as ArrayBuffer)
  }
  const text = answer.slice(1)
  if (answer[0] === '=') return JSON.parse(text)
  if (answer[0] === '+') return decode(JSON.parse(text))
  throw errorOf(text)
}

/** Called by the host when a promise that it gave is settled. */
export function settle(id: number, answer: unknown): void {
  const waiter = waiting.get(id)
  waiting.delete(id)
  try {
    waiter?.resolve(received(answer))
  } catch (error) {
    waiter?.reject(error)
  }
}

/** Called by the host in the middle of a call that was given a function: what that says, as JSON; nothing if it throws. */
export function ask(number: number, words: string): string {
  try {
    return JSON.stringify(given[number]?.(...JSON.parse(words)) ?? null)
  } catch (error) {
    thrown = { error }
    return ''
  }
}

function call(name: string, values: unknown[], content?: Uint8Array): unknown {
  const before = given.length
  try {
    const words = JSON.stringify(values.map(encode))
    const answer = hostCall(name, words, content && whole(content))
    if (thrown) throw thrown.error
    return received(answer)
  } finally {
    thrown = undefined
    given.length = before
  }
}

/** The bridge copies whole buffers; most windows are a small part of theirs. */
function whole(bytes: Uint8Array): ArrayBuffer | undefined {
  if (bytes.length === 0) return undefined
  const { buffer } = bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice()
  return buffer as ArrayBuffer
}

function windowOf(buffer: unknown, offset: number, length: number): Uint8Array {
  if (!(buffer instanceof Uint8Array)) throw new TypeError('the buffer is no Uint8Array')
  const integers = Number.isInteger(offset) && Number.isInteger(length)
  if (!integers || offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError('the window reaches past the buffer')
  }
  return buffer.subarray(offset, offset + length)
}

type Native = (...values: never[]) => unknown
type Shaped = Record<string, (name: string) => Native>

const sending =
  (name: string) =>
  (handle: unknown, buffer: Uint8Array, offset: number, length: number, ...rest: unknown[]) =>
    call(name, [handle, ...rest], windowOf(buffer, offset, length))

/** A call that fills a window. */
const filling =
  (name: string) =>
  (handle: unknown, buffer: Uint8Array, offset: number, length: number): number => {
    const target = windowOf(buffer, offset, length)
    const got = call(name, [handle, length]) as Uint8Array
    target.set(got)
    return got.length
  }

const processHandles = new WeakMap<object, unknown>()

/** Functions whose buffers need more than a copy on the way there; all others are plain calls. */
const shaped: Shaped = {
  'files.write': sending,
  'delta.feed': sending,
  'delta.feedList': sending,
  'sending.feedSums': sending,
  'sending.produce': filling,
  'sending.drainList': filling,
  'sockets.write':
    (name) =>
    async (...values: Parameters<ReturnType<typeof sending>>) =>
      sending(name)(...values),
  'checksums.hash': (name) => (algorithm: unknown, bytes: Uint8Array) =>
    call(name, [algorithm], windowOf(bytes, 0, bytes?.length)),
  'files.read':
    (name) =>
    (fd: unknown, buffer: Uint8Array, offset: number, length: number, position?: number) => {
      const target = windowOf(buffer, offset, length)
      const got = call(name, [fd, length, position]) as Uint8Array
      target.set(got)
      return got.length
    },
  'sockets.read':
    (name) =>
    async (socket: unknown, buffer: Uint8Array, offset: number, length: number, ms: number) => {
      const target = windowOf(buffer, offset, length)
      const got = (await call(name, [socket, length, ms])) as Uint8Array
      target.set(got)
      return got.length
    },
  'sockets.sendDatagram':
    (name) =>
    async (
      datagram: unknown,
      address: unknown,
      buffer: Uint8Array,
      offset: number,
      length: number,
    ) =>
      sending(name)(datagram, buffer, offset, length, address),
  'sockets.receiveDatagram':
    (name) => async (datagram: unknown, buffer: Uint8Array, timeoutMs: number) => {
      const target = windowOf(buffer, 0, buffer?.length)
      const answer = call(name, [datagram, target.length, timeoutMs])
      const { bytes, ...result } = (await answer) as { bytes: Uint8Array }
      target.set(bytes)
      return result
    },
  'processes.start': (name) => (options: unknown) => {
    const { handle, ...process } = call(name, [options]) as { handle: unknown }
    processHandles.set(process, handle)
    return process
  },
  'processes.signal': (name) => (process: object, signal: unknown) =>
    call(name, [processHandles.get(process), signal]),
}

/** One function of a native module. */
export function native(name: string): Native {
  return shaped[name]?.(name) ?? ((...values: unknown[]) => call(name, values))
}

/** One constant of a native module, as `encode` of bridge.ts wrote it. */
export function constant(text: string): unknown {
  return received(text)
}
