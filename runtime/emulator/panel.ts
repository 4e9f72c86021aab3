/**
 * The laptop at a glance, in a terminal: its trees, the state record, what the bundle says of its
 * work, the network and the disk. It only looks: what it shows comes from the disk, the network and the
 * bundle's own JSON lines.
 */
import type { Fd, Files, Path } from '../../src/host.ts'
import { bytesOfArray, bytesOfText, show, textOfBytes } from '../../src/text.ts'
import type { Outcome, Terminal } from './laptop.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualDisk } from './virtual-disk.ts'
import type { VirtualNetwork } from './virtual-network.ts'

interface Scene {
  files: Files
  disk: VirtualDisk
  network: VirtualNetwork
  clock: VirtualClock
  /** Where the laptop's store is. */
  store: Path
}

/** The part of a terminal that the panel needs. */
interface Screen {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

const INTERVAL_MS = 100
const NOTES_MAX = 4
const BAR_COLUMNS = 24
const SMALL_FILE_MAX = 64 * 1024
const TREES = [
  ['fakeroot', 'runs'],
  ['upgraded-root', 'waits for the swap'],
  ['staging', 'is being built'],
  ['previous-root', 'can be rolled back to'],
] as const

type Line = Record<string, string | number | undefined>

export class Panel {
  readonly terminal: Terminal
  private drawnMs = Number.NEGATIVE_INFINITY
  private drawnLines = 0
  private pending = ''
  private work: Line = {}
  private notes: string[] = []
  private outcome: Outcome | undefined

  constructor(
    private readonly scene: Scene,
    private readonly screen: Screen,
  ) {
    this.terminal = {
      write: (fd, bytes) => this.take(fd, bytesOfArray(bytes)),
      isTerminal: false,
      columns: () => this.screen.columns ?? 80,
    }
    // The guest holds Node's loop while it computes: what it does is what makes us draw.
    scene.disk.before = () => this.drawNowAndThen()
  }

  end(outcome: Outcome): void {
    this.scene.disk.before = undefined
    this.outcome = outcome
    this.draw()
  }

  private take(fd: Fd, bytes: string): void {
    const lines = (this.pending + bytes).split('\n')
    this.pending = lines.pop() ?? ''
    for (const line of lines) {
      if (fd === 1 && line.startsWith('{')) this.hear(JSON.parse(textOfBytes(line) ?? '{}'))
      else this.note(show(line))
    }
  }

  /** One JSON line of the bundle. */
  private hear(line: Line): void {
    if (line.event === 'note') this.note(`${line.text}`)
    else if (line.event === 'error') this.note(`${line.class}: ${line.message}`)
    else if (line.event === 'result') {
      const { event: _, ...facts } = line
      const words = Object.entries(facts).filter(([, value]) => typeof value !== 'object')
      this.note(words.map(([key, value]) => `${key} ${value}`).join(', '))
    } else this.work = line.event === 'phase' ? { ...line, done: 0 } : line
    if (line.event === 'phase' && !this.screen.isTTY) this.draw()
    else this.drawNowAndThen()
  }

  private note(text: string): void {
    this.notes = [...this.notes, text].slice(-NOTES_MAX)
  }

  private drawNowAndThen(): void {
    if (this.screen.isTTY && performance.now() - this.drawnMs >= INTERVAL_MS) this.draw()
  }

  private draw(): void {
    this.drawnMs = performance.now()
    const columns = Math.max(40, Math.min(this.screen.columns ?? 80, 100))
    const lines = this.lines().map((line) => cut(line, columns))
    const back = this.screen.isTTY && this.drawnLines > 0 ? `\x1b[${this.drawnLines}A` : ''
    const clear = this.screen.isTTY ? '\x1b[K' : ''
    this.drawnLines = lines.length + 1
    const title = `── emulated laptop, ${this.time()} `.padEnd(columns, '─')
    this.screen.write(`${back}${[title, ...lines].map((line) => `${line}${clear}\n`).join('')}`)
  }

  private time(): string {
    return `${(this.scene.clock.nowMs() / 1000).toFixed(1)} s`
  }

  /** Always the same number of lines, so that the next frame covers this one. */
  private lines(): string[] {
    const notes = Array.from({ length: NOTES_MAX }, (_, index) => `  ${this.notes[index] ?? ''}`)
    return [...this.trees(), this.state(), this.progress(), this.traffic(), this.room(), ...notes]
  }

  private trees(): string[] {
    const facts = this.looking((files, store) =>
      TREES.map(([name]) => {
        if (!files.stat(store, name)) return undefined
        const release = smallFile(files, store, `${name}/release`)
        return /^version=([0-9]+)$/m.exec(release)?.[1] ?? 'not complete yet'
      }),
    )
    return TREES.map(([name, meaning], index) => {
      const version = facts?.[index]
      return `  ${name.padEnd(14)} ${version === undefined ? '·' : `${version.padEnd(6)} ${meaning}`}`
    })
  }

  private state(): string {
    const text = this.looking((files, store) => smallFile(files, store, 'state')) ?? ''
    return `  state          ${show(text.trim().split('\n').join('  ')) || '·'}`
  }

  private progress(): string {
    if (this.outcome) {
      const { status, memory } = this.outcome
      const used = `JavaScript took at most ${megabytes(memory.mostBytes)}`
      return `  ended          status ${status}; ${used}`
    }
    const { phase = '·', done = 0, total, unit, path = '' } = this.work
    if (!total) return `  work           ${phase}`
    const share = Math.min(1, Number(done) / Number(total))
    const filled = Math.round(share * BAR_COLUMNS)
    const bar = '█'.repeat(filled).padEnd(BAR_COLUMNS, '░')
    return `  work           ${phase} ${bar} ${done} of ${total} ${unit}  ${path}`
  }

  private traffic(): string {
    const { network } = this.scene
    const { sockets, connections, shape } = network
    const { received, sent, events } = network.line
    const limits = [
      shape.latencyMs > 0 ? `${shape.latencyMs} ms each way` : '',
      shape.bytesPerSecond === undefined ? '' : `${shape.bytesPerSecond} bytes/s`,
      ...events,
    ].filter(Boolean)
    const counts = `${sockets.size} of ${connections} connections open`
    const traffic = `${kilobytes(received)} received, ${kilobytes(sent)} sent`
    return `  network        ${[counts, traffic, ...limits].join('; ')}`
  }

  private room(): string {
    const { disk } = this.scene
    return `  disk           ${megabytes(disk.space().bytes)} free; ${disk.operations} operations`
  }

  /** Reads the store with handles of the panel's own. */
  private looking<T>(look: (files: Files, store: Fd) => T): T | undefined {
    const { files, store } = this.scene
    try {
      const fd = files.openRoot(store)
      try {
        return look(files, fd)
      } finally {
        files.close(fd)
      }
    } catch {
      // There is no store yet, or it is changing right now.
      return undefined
    }
  }
}

function smallFile(files: Files, directory: Fd, path: Path): string {
  if (!files.stat(directory, path)) return ''
  const fd = files.openRead(directory, path)
  const buffer = new Uint8Array(SMALL_FILE_MAX)
  const count = files.read(fd, buffer, 0, buffer.length)
  files.close(fd)
  return bytesOfArray(buffer.subarray(0, count))
}

function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, columns - 1)}…` : line
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
const kilobytes = (bytes: number) => `${(bytes / 1e3).toFixed(1)} kB`

/** The store that a command line names, or the default. */
export function storeOf(words: string[]): Path {
  const place = words.indexOf('--store')
  return bytesOfText(words[place + 1] && place >= 0 ? (words[place + 1] as string) : '/xo')
}
