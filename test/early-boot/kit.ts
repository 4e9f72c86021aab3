/** Systems that could start: a real bash with its dynamic linker and libraries as their init. */
import { readFileSync } from 'node:fs'
import { smallImage } from '../support/image.ts'
import { file, folder, link, type Tree } from '../support/tree.ts'

const MULTIARCH = 'usr/lib/x86_64-linux-gnu'
export const LIBC = `${MULTIARCH}/libc.so.6`
export const LINKER = `${MULTIARCH}/ld-linux-x86-64.so.2`
/** Needed by bash, which runs the script that is the init. */
export const TINFO = `${MULTIARCH}/libtinfo.so.6`
export const INIT = 'usr/sbin/start'

/** `/sbin/init` is a link to a link to a script; the libraries are found beside the dynamic linker. */
export function startableImage(version: number): Tree {
  const program = (path: string) => file(readFileSync(`/${path}`), { mode: 0o755 })
  return new Map([
    ...smallImage(version),
    ['lib64', link('usr/lib64')],
    ['sbin', link('usr/sbin')],
    ['usr', folder()],
    ['usr/bin', folder()],
    ['usr/bin/bash', program('bin/bash')],
    ['usr/lib', folder()],
    [MULTIARCH, folder()],
    [LINKER, program('lib64/ld-linux-x86-64.so.2')],
    [LIBC, file(readFileSync('/lib/x86_64-linux-gnu/libc.so.6'))],
    [TINFO, file(readFileSync('/lib/x86_64-linux-gnu/libtinfo.so.6'))],
    ['usr/lib64', folder()],
    ['usr/lib64/ld-linux-x86-64.so.2', link('../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2')],
    ['usr/sbin', folder()],
    ['usr/sbin/init', link('/sbin/start')],
    [INIT, file(`#! /usr/bin/bash -e\n# ${version}\n`, { mode: 0o755 })],
  ])
}
