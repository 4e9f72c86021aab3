/**
 * A machine in namespaces of its own: mounts, processes and name are private, `/` is an empty memory file
 * system with busybox in it, as an initramfs is, and a program runs there as process 1. Needs root. Nothing
 * that it mounts or kills belongs to the machine that runs the tests.
 */
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

export interface MachineRun {
  /** By their paths in the machine; the content is one of our files. */
  files: Record<string, string>
  /** A folder that the machine begins with, such as an unpacked initramfs. */
  root?: string
  /** Words that run a command in another network; default: in this machine's. */
  network?: string[]
  /** More of the machine's start, as shell, run in the folder that becomes `/`. */
  prepare?: string
  /** What process 1 is: a program of the machine and its words. */
  command: string[]
  environment?: Record<string, string>
  /** What is typed on the console (a pipe) once it has shown a text. */
  answers?: Record<string, string>
  /** A text after which nothing more is waited for; the machine is killed then. */
  last?: string
  /** Ends the wait; the machine is killed then. */
  deadlineMs: number
}

export interface MachineEnd {
  /** Everything that was on the screen; complaints may be anywhere in it. */
  output: string
  /** Without complaints: for whoever compares what programs say. */
  stdout: string
  /** The status of process 1; undefined if the deadline or the last text came first. */
  status: number | undefined
}

/** Makes the memory root out of the folder `$1`, then executes the rest of the words in it. */
const START = `set -e
folder=$1; shift
mount -t tmpfs -o size=256m,mode=755 memory /mnt
cp -a "$folder/." /mnt/
cd /mnt
mkdir -p bin proc sys dev run tmp etc old
[ -e bin/busybox ] || cp /usr/bin/busybox bin/busybox
for word in sh ls cat mount umount sleep kill ps echo mkdir test true env setsid cp; do
  [ -e bin/$word ] || ln -s busybox bin/$word
done
if [ -f "$folder.prepare" ]; then . "$folder.prepare"; fi
rm -f dev/null dev/console
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 444 dev/urandom c 1 9
mknod -m 444 dev/random c 1 8
pivot_root . old
exec bin/busybox chroot . /bin/busybox sh -c '/bin/umount -l /old; exec "$@"' sh "$@"`

export async function runMachine(run: MachineRun): Promise<MachineEnd> {
  const folder = join(scratch('machine'), 'root')
  if (run.root) execFileSync('cp', ['-a', run.root, folder])
  for (const [path, source] of Object.entries(run.files)) {
    const target = join(folder, path)
    mkdirSync(join(target, '..'), { recursive: true })
    copyFileSync(source, target)
  }
  mkdirSync(folder, { recursive: true })
  if (run.prepare) writeFileSync(`${folder}.prepare`, run.prepare)
  const words = ['-mpfu', '--kill-child', 'sh', '-c', START, 'sh', folder, ...run.command]
  const [program = '', ...rest] = [...(run.network ?? []), 'unshare', ...words]
  const child = spawn(program, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/bin:/sbin:/usr/bin:/usr/sbin', ...run.environment },
  })
  let output = ''
  let stdout = ''
  let late = false
  const stop = () => {
    late = true
    child.kill('SIGKILL')
  }
  const answers = new Map(Object.entries(run.answers ?? {}))
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
      if (stream === child.stdout) stdout += text
      for (const [shown, typed] of answers) {
        if (!output.includes(shown)) continue
        answers.delete(shown)
        child.stdin.write(typed)
      }
      if (run.last !== undefined && output.includes(run.last)) stop()
    })
  }
  const timer = setTimeout(stop, run.deadlineMs)
  const status = await new Promise<number | undefined>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(late ? undefined : (code ?? (signal ? 128 : undefined)))
    })
    child.once('error', () => resolve(undefined))
  })
  clearTimeout(timer)
  return { output, stdout, status }
}
