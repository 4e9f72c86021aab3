/** `home`: the home server of a deployment, and what its log tells about the fleet. */

import { confineTo, TIME_ZONE_PLACES } from '../device/confinement.ts'
import { ConfigError } from '../errors.ts'
import { type FleetLaptop, readFleet } from '../home/fleet.ts'
import { HomeFolder } from '../home/folder.ts'
import { HomeServer } from '../home/serve.ts'
import { loadSecretKey } from '../publish/keygen.ts'
import { formatInstant } from '../release/fields.ts'
import { harmless } from '../text.ts'
import { type Command, PLAIN_OPTIONS } from './command.ts'
import { type Context, write } from './context.ts'
import { EXIT } from './exit-status.ts'
import { listenAddress } from './listening.ts'
import { textOf } from './options.ts'
import { receivedOf } from './received.ts'

const LISTEN = '[::]:8765'
/** Laptops that call while all places are taken wait in the kernel's queue. */
const BACKLOG = 1024
const SILENT_DAYS = 14

export const homeCommand: Command = {
  name: 'home',
  summary: 'answer laptops that call home, or show the fleet',
  about:
    'Answers each laptop with a reply signed by the key, as the files in the folder say (latest,\n' +
    'roll-out, pins, stolen, leases, answers: docs/FORMATS.md), which may change while it runs, and\n' +
    'appends every call to calls.jsonl there. It runs until it is killed. With --fleet it only prints\n' +
    'what that log tells: who runs what, who is behind, who rolled back, who was silent.',
  options: [
    {
      name: '--folder',
      value: 'DIR',
      required: true,
      help: 'the folder with its files and its log',
    },
    { name: '--key', value: 'FILE', help: 'the secret key of the role home' },
    { name: '--listen', value: 'ADDRESS', help: `where to listen (default: ${LISTEN})` },
    { name: '--fleet', help: 'print what the log tells' },
    {
      name: '--silent-days',
      value: 'N',
      help: `with --fleet: days without a call until a laptop counts as silent (default: ${SILENT_DAYS})`,
    },
    ...PLAIN_OPTIONS,
  ],
  needsRoot: false,
  run: async (context) => (context.values['--fleet'] ? showFleet(context) : serve(context)),
}

async function serve(context: Context): Promise<number> {
  const { host, values } = context
  const secretKey = textOf(values, '--key')
  if (secretKey === undefined) {
    throw new ConfigError('--key FILE is missing', 'make one: xo-upgrade keygen --name home')
  }
  const key = loadSecretKey(host, secretKey, { role: 'home' })
  const folderPath = textOf(values, '--folder') as string
  const folder = new HomeFolder(host.files, folderPath)
  const address = listenAddress(textOf(values, '--listen') ?? LISTEN)
  const listener = host.sockets.listen(address, BACKLOG)
  const port = host.sockets.localPort(listener)
  context.result({ listening: true, port, key: key.number }, [
    `Answering laptops on port ${port}, with key ${key.number}.`,
  ])
  const needs = {
    ...{ read: TIME_ZONE_PLACES, change: folderPath },
    ...{ makesTrees: false, holdsDisks: true },
  }
  const sentence = confineTo(host, needs)
  if (sentence !== undefined) context.progress.note(sentence)
  const complain = (text: string) => write(host, 2, `xo-upgrade: ${harmless(text)}\n`)
  await new HomeServer(host, { folder, key, listener, complain }).run()
  return EXIT.done
}

function showFleet(context: Context): number {
  const { host, values } = context
  const days = silentDays(textOf(values, '--silent-days'))
  const now = host.clock.wallSeconds()
  const fleet = readFleet(host, textOf(values, '--folder') as string, now)
  const { laptops, received, skipped } = fleet
  const silent = laptops.filter((one) => one.silentDays >= days)
  const behind = laptops.filter((one) => one.behind)
  const rolledBack = laptops.filter((one) => one.bad.length > 0)
  const stolen = laptops.filter((one) => one.stolen)
  const versions = countVersions(laptops)
  const serials = (list: FleetLaptop[]) => list.map(({ serial }) => serial)
  const record = {
    laptops,
    versions: Object.fromEntries(versions),
    behind: serials(behind),
    rolledBack: serials(rolledBack),
    silent: serials(silent),
    stolen: serials(stolen),
    received,
    skipped,
  }
  context.result(record, [
    `${laptops.length} laptops have called.`,
    ...versions.map(([version, count]) => `  ${count} run ${version}`),
    ...section(
      'Behind',
      behind,
      (one) => `runs ${versionNamed(one.installed)}, wanted is ${one.wanted}`,
    ),
    ...section('Rolled back', rolledBack, (one) => `from ${one.bad.join(', ')}`),
    ...section(`Silent for ${days} days`, silent, (one) => `last on ${formatInstant(one.time)}`),
    ...section('Stolen', stolen, (one) => `last on ${formatInstant(one.time)}`),
    ...receivedOf(received).map((text) => `Received: ${text}`),
    ...(skipped > 0 ? [`${skipped} lines of the log are not calls.`] : []),
  ])
  return EXIT.done
}

function silentDays(text: string | undefined): number {
  if (text === undefined) return SILENT_DAYS
  if (!/^[0-9]{1,4}$/.test(text)) throw new ConfigError('--silent-days takes a number of days')
  return Number(text)
}

function versionNamed(version: number | undefined): string {
  return version === undefined ? 'no version of ours' : `version ${version}`
}

/** The most common first. */
function countVersions(laptops: FleetLaptop[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const { installed } of laptops) {
    const name = versionNamed(installed)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1])
}

function section(
  title: string,
  laptops: FleetLaptop[],
  what: (laptop: FleetLaptop) => string,
): string[] {
  if (laptops.length === 0) return []
  const lines = laptops.map((one) => {
    const { serial, deployment, outcome, code } = one
    const last = outcome === undefined ? '' : `; last: ${outcome}${code ? ` (${code})` : ''}`
    return `  ${serial} (${deployment}) ${what(one)}${last}`
  })
  return [`${title}: ${laptops.length}`, ...lines]
}
