/**
 * Each errno that the C of a native module names has a test in which it is met, so that the sides of a
 * module can't come to differ in what they make of it. The table says which test; an errno that no test
 * can bring about has a reason, in brackets.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

/** A loop around one call, everywhere the same: 'what a signal interrupts is called again'. */
const EVERYWHERE = ['EINTR', 'EWOULDBLOCK']

const PATHS = 'paths have one form'
const REGULAR = 'only regular files are opened'
const PASSED_OVER = 'what can not be removed is passed over'
const FLAGS = 'an immutable file and an immutable folder of the tree before are removed'
const MOUNTED = 'a tree with a mount in it is put aside and told, and goes once it is unmounted'
const TIME = 'a receive ends in time, and with a close'
const SHRUNK = '(this engine can make no buffer shorter)'
const EDITED = 'a live file that can not be linked is left as edited'
const DIED = 'a connection that died in the queue does not end the accept'
const TAKEN_OVER =
  'taken over while it reads a source, it reads, writes and starts nothing but its own'

const PRIVATE =
  'a source that is a folder may be a stick: no copy of private mounts keeps that in use'

/** By the file below native/: errnos, and the name of the test. */
const TESTED: Record<string, Record<string, string>> = {
  'checksums/content.c': {
    EFBIG: 'the digest of a file, from its start, up to the limit and not past it',
  },
  'confinement/confinement.c': {
    ENOSYS: 'there is no part that could be confined',
    ENOTSUP: PRIVATE,
    EXDEV: '(a Landlock of an older kernel than the tests have)',
  },
  'confinement/filter.c': {
    'EPERM ENOSYS': TAKEN_OVER,
    E2BIG: '(a list of calls that is longer than its filter would be our mistake)',
  },
  'confinement/landlock.c': { 'ENOENT ENOTDIR ELOOP': TAKEN_OVER },
  'confinement/own-mounts.c': {
    ENOSYS: 'a kernel that lacks something gives the rest, and one line says so',
    'ENOENT ENOTDIR': '(a mount that another one hides)',
    ENOTSUP: PRIVATE,
  },
  'delta/rebuild.c': { EIO: 'a block that a basis has no longer is an error of the disk' },
  'files/copy.c': {
    'ENOSPC EDQUOT EIO EFBIG': 'of a copy that the disk refuses nothing is left',
  },
  'files/damage.c': {
    EIO: 'content that the disk can not give is a failure',
    EBADMSG: 'a folder of the tree before whose names are noise is put aside',
    EUCLEAN: '(the second ext4 of test/upgrade/damaged-disk.test.ts)',
    ENOKEY: '(who makes an encrypted folder makes calls that no tool of the tests does)',
  },
  'files/entries.c': { ENODATA: 'an attribute that went away in between is left out' },
  'files/files.c': {
    'EISDIR EINVAL': 'opens by paths of the system, through links',
    EACCES: 'a folder that can not be listed is looked into',
    'ENOENT ENOTDIR': 'what is not there is undefined',
  },
  'files/metadata.c': {
    'ENOTSUP ENOSYS': 'a file system without attributes has none',
    ERANGE: 'attributes that grew in between are read again',
    EIO: '(a list of names that does not end in a NUL is none of this kernel)',
    ENODATA: 'an attribute that is gone need not be removed',
  },
  'files/paths.c': {
    'ENAMETOOLONG EXDEV ENOENT': PATHS,
    'EISDIR EINVAL': REGULAR,
    'ELOOP ENOTDIR': 'no link is followed, neither in the middle nor at the end',
    'ENOSYS EPERM': 'without openat2 a path is walked name by name',
    EAGAIN: 'openat2 is tried again while something is renamed',
  },
  'files/removal.c': {
    EXDEV: 'another mount below a folder is busy',
    'EPERM EACCES EBUSY': PASSED_OVER,
    'ENOTEMPTY EEXIST': 'a folder that is said to be full is emptied again',
    ENOENT: 'what somebody else removed is removed',
    EISDIR: 'a whole tree, and nothing that its links lead to',
    ENAMETOOLONG: '(no kernel hands out a longer name than the limit of 255)',
  },
  'files/stubborn.c': {
    'EPERM EACCES': FLAGS,
    'EXDEV EBUSY': MOUNTED,
    ENOENT: 'files, and no directory',
  },
  'packs/file-maker.c': {
    EIO: '(a base that gets shorter between two calls, which no test can time)',
  },
  'pack-coder/source-file.c': {
    EINVAL: '(a file that changes between its description and its coding, in one publishing)',
  },
  'processes/inside.c': {
    EPIPE: '(the process outside was ended by somebody else)',
    E2BIG: '(no command of ours is that long)',
  },
  'processes/outside.c': {
    EPERM: 'nor where a part of it stays outside to start ssh',
    EINVAL: '(only a process that was taken over asks for that)',
    EAGAIN: '(memory that is refused ends other tests first)',
  },
  'processes/processes.c': { ENOSYS: 'who does not stand apart starts nothing again' },
  'sending/sent-list.c': { ENAMETOOLONG: 'a path of more bytes than the system takes' },
  'sending/sent-walk.c': {
    ENOENT: '(a name that goes between two calls of one walk)',
    EXDEV: '(a mount that comes between two calls of one walk)',
    ENAMETOOLONG: '(a name that no path leads to)',
  },
  'sending/source-window.c': {
    ENODATA: 'a file that became shorter is filled with zeros, and its sum is wrong',
  },
  'sockets/addresses.c': {
    EINVAL: 'an address that is none',
    ENAMETOOLONG: 'a path that is too long',
  },
  'sockets/connect.c': {
    EINPROGRESS: 'a port where nobody listens refuses',
    ETIMEDOUT: '(nothing on loopback keeps silent when it is called)',
  },
  'sockets/datagrams.c': {
    EAFNOSUPPORT: 'what can not be',
    'EAGAIN ECANCELED ETIMEDOUT': TIME,
    EFAULT: SHRUNK,
  },
  'sockets/groups.c': {
    EADDRINUSE: 'a group that is named twice is joined once',
    ENODEV: '(a machine whose interfaces all lack multicast)',
  },
  'sockets/listeners.c': {
    ECONNREFUSED: 'a socket that nobody listens at any more is replaced',
    EADDRINUSE: 'a file that is no socket is left alone',
    'ECONNABORTED EPROTO ENOPROTOOPT ENETDOWN ENETUNREACH EHOSTDOWN': DIED,
    'EHOSTUNREACH ENONET EAGAIN': DIED,
    ECANCELED: 'a close ends the accept that waits',
  },
  'sockets/names.c': {
    'ENOENT EAGAIN': 'a name that nobody has is ENOTFOUND, or EAGAIN where nobody can be asked',
    ENOMEM: '(memory that is refused ends other tests first)',
  },
  'sockets/socket.c': {
    'EAGAIN ETIMEDOUT': 'a read from a silent peer ends in time',
    ECANCELED: 'a close ends what waits',
    ENOTCONN: 'a stream whose other end is gone has nobody to tell of its end',
    EFAULT: SHRUNK,
  },
  'system/devices.c': { EBUSY: '(a race of dup2 with an open that is not finished)' },
  'system/switch-root.c': {
    EINVAL: 'a root that is none, or a program that is none, changes nothing',
  },
  'system/system.c': { 'ENOEXEC ENOSYS': '(a kernel before 3.8, which the tests have not)' },
  'trees/digest-filter.c': {
    ENOMEM: '(C says so of its budget for manifests, which test/host/budget.test.ts uses up)',
  },
  'trees/directories.c': {
    'ENOENT ENOTDIR': 'a directory that is missing, or something else, can not be finished',
  },
  'trees/extras.c': {
    ENOENT: 'a folder that went away in between is no extra',
    EXDEV: MOUNTED,
  },
  'trees/failures.c': { ENODATA: 'an attribute that went away in between is told as missing' },
  'trees/copy-entry.c': { 'EXDEV EMLINK EPERM EACCES ENOENT': EDITED },
  'trees/tree-entry.c': {
    'ENOENT ENOTDIR': 'missing, and other types',
    ELOOP: 'what stands below a directory that is a link now is not looked at through the link',
    'ENODATA ENOTSUP': 'a live file whose attributes can not be had is an edited one',
  },
  'trees/verify.c': {
    EPERM: 'a file is read where its time of access may not be spared',
  },
}

const below = (folder: string, end: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(end))

/** Constants of <errno.h>, by what follows E in their names; other words begin with E as well. */
const NO_ERRNOS = ['ECHO', 'EXTENDED', 'ELFCLASS32', 'ELFCLASS64', 'ELFDATA2LSB', 'ELFMAG']

function namedIn(file: string): string[] {
  const code = readFileSync(join('native', file), 'utf8')
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/"[^"\n]*"/g, '')
  const names = new Set(Array.from(code.matchAll(/\bE[A-Z0-9]{2,}\b/g), ([name]) => name))
  return [...names].filter((name) => ![...EVERYWHERE, ...NO_ERRNOS].includes(name)).sort()
}

const moduleOf = (file: string) => file.slice(0, file.indexOf('/'))

test('each errno that the C of a module names has its test, and none has one that it no longer names', () => {
  const files = below('native', '.c')
  assert.equal(
    Object.keys(TESTED).filter((file) => !files.includes(file)),
    [],
    'these files are gone',
  )
  // A module's functions may move among its files: what counts is that the module's errnos are met.
  for (const module of new Set(files.map(moduleOf))) {
    const ofModule = (file: string) => moduleOf(file) === module
    const named = new Set(files.filter(ofModule).flatMap(namedIn))
    const tested = Object.entries(TESTED).filter(([file]) => ofModule(file))
    const codes = tested.flatMap(([, tests]) => Object.keys(tests).join(' ').split(' '))
    assert.equal([...new Set(codes)].sort(), [...named].sort(), module)
  }
})

test('each of these tests is there', () => {
  const sources = below('test', '.ts').filter((name) => !name.endsWith('errnos.test.ts'))
  const all = sources.map((name) => readFileSync(join('test', name), 'utf8')).join('\n')
  const names = new Set(Object.values(TESTED).flatMap((codes) => Object.values(codes)))
  const missing = [...names].filter((name) => !name.startsWith('(') && !all.includes(`'${name}'`))
  assert.equal(missing, [])
})

test.run()
