/**
 * The synchronous half of node:child_process, over native:processes. What a program reads and writes
 * goes through files, and its status through a named pipe: to open that waits for the program's end
 * without any loop of events. Nothing asynchronous is here: tests that talk with a program that runs
 * beside them need Node.
 */
import * as files from 'native:files'
import { start, variable } from 'native:processes'
import { contentAt, pathOf, putAt, within } from './content.ts'
import { scratch } from './scratch.ts'

interface Options {
  cwd?: string
  input?: string | Uint8Array
  encoding?: 'utf8' | 'latin1'
  stdio?: 'ignore' | 'pipe'
  timeout?: number
  maxBuffer?: number
}

interface Run {
  status: number | null
  stdout: Buffer | string
  stderr: Buffer | string
  error?: Error
}

/** As a shell says that there is no such program. */
const NOT_FOUND = 127
const SCRIPT = `folder=$1 cwd=$2; shift 2
cd "$cwd" && "$@" <"$folder/in" >"$folder/out" 2>"$folder/err"
echo $? >"$folder/status"`

export function spawnSync(
  program: string,
  args: (string | Uint8Array)[] = [],
  options: Options = {},
): Run {
  const place = scratch('spawn')
  const folder = pathOf(place)
  putAt(`${folder}/in`, Buffer.from(options.input ?? ''), 0o600)
  const directory = files.openRoot(folder)
  try {
    files.makeNode(directory, 'status', 'fifo', 0, 0)
    const words = [place, options.cwd ?? '.', program, ...args].map(pathOf)
    const environment = ['PATH', 'HOME'].map((name) => `${name}=${variable(name) ?? ''}`)
    start({ command: ['sh', '-c', SCRIPT, 'sh', ...words], environment, pipe: false })
    const status = Number(contentAt(`${folder}/status`).toString())
    const said = (name: string) => {
      const bytes = contentAt(`${folder}/${name}`)
      return options.encoding ? bytes.toString(options.encoding) : bytes
    }
    const run: Run = { status, stdout: said('out'), stderr: said('err') }
    if (status === NOT_FOUND) {
      run.error = Object.assign(new Error(`spawnSync ${program} ENOENT`), { code: 'ENOENT' })
    }
    return run
  } finally {
    files.close(directory)
    within(folder, files.removeTree)
  }
}

export function execFileSync(
  program: string,
  args: (string | Uint8Array)[] = [],
  options: Options = {},
) {
  const { status, stdout, stderr, error } = spawnSync(program, args, options)
  if (status === 0) return stdout
  throw error ?? new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
}
