/** Scripts on the C host that stand apart, and what is heard of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deadline } from '../support/deadline.ts'
import { scratch } from '../support/scratch.ts'

/** Before each script: what it needs to stand apart, and to say something. */
const HEAD = `
import * as processes from 'native:processes'
import * as sockets from 'native:sockets'
import * as system from 'native:system'
import * as files from 'native:files'
const environment = ['A=b']
const shell = (...words) => ({ command: ['/bin/sh', '-c', ...words], environment })
const say = (value) => {
  const text = JSON.stringify(value) + '\\n'
  const bytes = Uint8Array.from(text, (one) => one.charCodeAt(0))
  files.write(1, bytes, 0, bytes.length)
}
const codeOf = (attempt) => { try { return attempt() && 'done' } catch (error) { return error.code } }
const apart = (programs, sockets = []) => processes.standApart({ programs, sockets })

/** A message of the inner process to the outer one, and what is answered (outside.h). */
const ask = (fd, numbers, text = '') => {
  const bytes = new Uint8Array(numbers.length * 4 + text.length)
  const view = new DataView(bytes.buffer)
  numbers.forEach((number, index) => view.setInt32(index * 4, number, true))
  for (let i = 0; i < text.length; i++) bytes[numbers.length * 4 + i] = text.charCodeAt(i)
  files.write(fd, bytes, 0, bytes.length)
}
const answer = (fd) => {
  const bytes = new Uint8Array(8)
  files.read(fd, bytes, 0, 8)
  return new DataView(bytes.buffer).getInt32(0, true)
}
`

interface Running {
  child: ChildProcess
  ended: Promise<{ status: number | null; signal: string | null }>
  /** The lines that it has written, as values. */
  said(): unknown[]
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export function startOn(host: string, script: string, words: string[] = []): Running {
  const file = join(scratch('apart'), 'script.js')
  writeFileSync(file, HEAD + script)
  const child = spawn(host, [file, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  const ended = new Promise<{ status: number | null; signal: string | null }>((done) => {
    child.once('close', (status, signal) => done({ status, signal }))
  })
  const said = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  return { child, ended: deadline(ended), said }
}
