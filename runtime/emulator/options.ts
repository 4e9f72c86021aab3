/** The emulator's own words of the command line: they come before the laptop's. */
import arg from 'arg'
import { ConfigError } from '../../src/errors.ts'
import { type Shape, UNSHAPED } from './virtual-line.ts'

export interface Options {
  disk: string
  /** Of a new disk. */
  sizeBytes: number
  seed: number
  memoryBytes: number
  net: Shape
  panel: boolean
  trace: string | undefined
  mounts: { path: string; source: string }[]
  help: boolean
  /** What is left: a command line of xo-upgrade, or of a disk tool. */
  words: string[]
}

export const HELP = `npm run emulate -- [OPTIONS] XO-UPGRADE-COMMAND …
npm run emulate -- [--disk FILE] ls|tree|cat|df [PATH]
npm run emulate -- [--disk FILE] put HOST-FILE PATH

Runs the bundle on an emulated laptop.

  --disk FILE        the laptop's disk (build/emulator/laptop.disk); made where it is missing
  --size SIZE        how large a new disk is (1G)
  --seed N           all chance of the run (1)
  --memory SIZE      what JavaScript may take (24M)
  --net SHAPE        latency=300ms,bandwidth=64k,cut=BYTE,stall=BYTE
  --mount PATH=HOST  a copy of a file or folder of this machine, there for one run
  --panel            shows the laptop while it works
  --trace FILE       every call of a native module, one per line
`

const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

export function parseOptions(argv: string[]): Options {
  const values = parsed(argv)
  const seed = values['--seed'] ?? 1
  if (!Number.isSafeInteger(seed) || seed < 0) throw new ConfigError(`${seed} is not a seed`, HELP)
  return {
    disk: values['--disk'] ?? 'build/emulator/laptop.disk',
    sizeBytes: bytesOf(values['--size'] ?? '1G'),
    seed,
    memoryBytes: bytesOf(values['--memory'] ?? '24M'),
    net: shapeOf(values['--net'] ?? ''),
    panel: values['--panel'] ?? false,
    trace: values['--trace'],
    mounts: (values['--mount'] ?? []).map(mountOf),
    help: values['--help'] ?? false,
    // The only command of the laptop's that looks like an option.
    words: values['--version'] ? ['--version', ...values._] : values._,
  }
}

function parsed(argv: string[]) {
  const spec = {
    '--disk': String,
    '--size': String,
    '--seed': Number,
    '--memory': String,
    '--net': String,
    '--panel': Boolean,
    '--trace': String,
    '--mount': [String] as [StringConstructor],
    '--help': Boolean,
    '--version': Boolean,
  }
  try {
    return arg(spec, { argv, stopAtPositional: true })
  } catch (error) {
    throw new ConfigError((error as Error).message, 'see `npm run emulate -- --help`')
  }
}

function bytesOf(text: string): number {
  const found = /^([0-9]+)([KMG]?)$/i.exec(text)
  if (!found) throw new ConfigError(`"${text}" is not a size`, 'write it as 24M')
  return Number(found[1]) * (UNITS[(found[2] ?? '').toUpperCase()] ?? 1)
}

function mountOf(text: string): { path: string; source: string } {
  const equals = text.indexOf('=')
  if (equals < 1 || !text.startsWith('/') || equals + 1 === text.length) {
    throw new ConfigError(`"${text}" is not a mount`, 'write it as /keys=build/keys')
  }
  return { path: text.slice(0, equals), source: text.slice(equals + 1) }
}

export function shapeOf(text: string): Shape {
  const shape = { ...UNSHAPED }
  for (const word of text.split(',').filter(Boolean)) {
    const [name = '', value = ''] = word.split('=')
    const number = /^([0-9]+)(ms|s|[kmKM])?$/.exec(value)
    const amount = Number(number?.[1])
    const unit = number?.[2] ?? ''
    const isTime = unit === 'ms' || unit === 's'
    if (number && name === 'latency' && isTime) {
      shape.latencyMs = unit === 's' ? amount * 1000 : amount
    } else if (number && !isTime && ['bandwidth', 'cut', 'stall'].includes(name)) {
      const bytes = amount * (UNITS[unit.toUpperCase()] ?? 1)
      if (name === 'bandwidth') shape.bytesPerSecond = Math.max(1, bytes)
      else if (name === 'cut') shape.cutAfter = bytes
      else shape.stallAfter = bytes
    } else {
      throw new ConfigError(
        `"${word}" is not a shape of a network`,
        'write it as latency=300ms,bandwidth=64k,cut=1000,stall=2000 (bytes a second, bytes)',
      )
    }
  }
  return shape
}
