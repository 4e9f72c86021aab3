/**
 * What each side does when the kernel refuses a call with an errno that the C of the native modules names,
 * and with one that it doesn't. `says` is what both sides say, by the errno.
 */
import type { ActName } from './acts.ts'

export interface Case {
  name: string
  act: ActName
  /** The calls that are refused; if Node makes others, those of both sides. */
  calls: string | { host: string; node: string }
  /** Which of these calls is refused, counted for each of them (`2+`: from the second on); without it, all are. */
  when?: number | string | { host: number; node: number }
  /** Only calls that name this path in the act's folder, or have it open. */
  only?: string
  says: Record<string, string>
}

/** Codes that make no difference. */
const passing = (codes: string, said: string) =>
  Object.fromEntries(codes.split(' ').map((code) => [code, said]))

/** Codes that are thrown, with what is left then. */
const thrown = (codes: string, left = '') =>
  Object.fromEntries(codes.split(' ').map((code) => [code, `${code}${left}`]))

export const CASES: Case[] = [
  {
    name: 'without openat2 a path is walked name by name',
    act: 'read a file below folders',
    calls: 'openat2',
    says: { ...passing('ENOSYS EPERM', 'content of deep/er/f'), ...thrown('EACCES') },
  },
  {
    name: 'openat2 is tried again while something is renamed',
    act: 'read a file below folders',
    calls: 'openat2',
    when: 1,
    says: passing('EAGAIN EINTR', 'content of deep/er/f'),
  },
  {
    name: 'a folder that can not be listed is looked into',
    act: 'look into a folder',
    calls: { host: 'open', node: 'openat' },
    when: 1,
    only: 'd',
    says: { EACCES: '14 bytes', ...thrown('EIO') },
  },
  {
    name: 'what a signal interrupts is called again',
    act: 'read, write, sync and lock',
    calls: 'open,openat,read,write,fsync,syncfs,flock',
    when: 1,
    only: 'f',
    says: { EINTR: 'content of f and more, locked: true', ...thrown('EIO') },
  },
  {
    name: 'an attribute that went away in between is left out',
    act: 'read attributes',
    calls: 'lgetxattr',
    says: { ENODATA: 'has none', ...thrown('EIO') },
  },
  {
    name: 'a file system without attributes has none',
    act: 'read attributes',
    calls: 'llistxattr',
    says: { ...passing('EOPNOTSUPP ENOSYS', 'has none'), ...thrown('EIO') },
  },
  {
    name: 'attributes that grew in between are read again',
    act: 'read attributes',
    calls: 'llistxattr,lgetxattr',
    // Node reads into a buffer as large as an attribute can be, so for it none can have grown.
    when: { host: 2, node: 999 },
    says: { ERANGE: 'has attributes' },
  },
  {
    name: 'an attribute that is gone need not be removed',
    act: 'set metadata',
    calls: 'lremovexattr',
    says: { ENODATA: 'done', ...thrown('EIO') },
  },
  {
    name: 'what somebody else removed is removed',
    act: 'remove a folder of files',
    calls: 'unlinkat',
    says: { ENOENT: 'done, 3 left' },
  },
  {
    name: 'what can not be removed is passed over',
    act: 'remove a folder of files',
    calls: 'unlinkat',
    // The C side finds out by trying that it is a folder, and that it is not empty.
    when: { host: 3, node: 1 },
    says: {
      ...thrown('EPERM EACCES EBUSY ENOTEMPTY EIO', ', 1 left'),
      ...thrown('ENOMEM', ', 3 left'),
    },
  },
  {
    name: 'a folder that is said to be full is emptied again',
    act: 'remove a folder with an empty one',
    calls: 'unlinkat',
    when: { host: 3, node: 1 },
    says: passing('ENOTEMPTY EEXIST', 'done, nothing left'),
  },
  {
    name: 'another mount below a folder is busy',
    act: 'remove a folder of files',
    calls: 'openat2',
    when: 1,
    says: { EXDEV: 'EBUSY, 3 left' },
  },
  {
    name: 'what the kernel can not copy by itself is read and written',
    act: 'copy a file',
    calls: 'ioctl,copy_file_range',
    only: 'copy',
    says: passing('EXDEV ENOSYS EINVAL EOPNOTSUPP', 'done, 12 bytes'),
  },
  {
    name: 'of a copy that the disk refuses nothing is left',
    act: 'copy a file',
    calls: { host: 'ioctl,copy_file_range', node: 'ioctl,write' },
    only: 'copy',
    says: thrown('ENOSPC EDQUOT EIO EFBIG', ', no bytes'),
  },
  {
    name: 'a connection that died in the queue does not end the accept',
    act: 'accept a connection',
    calls: 'accept4',
    when: 1,
    says: {
      ...passing('EINTR EAGAIN ECONNABORTED EPROTO ENOPROTOOPT ENETDOWN', 'accepted'),
      ...passing('ENETUNREACH EHOSTDOWN EHOSTUNREACH ENONET', 'accepted'),
      // Node passes over all other codes as well; the C side throws them.
    },
  },
  {
    name: 'a stream whose other end is gone has nobody to tell of its end',
    act: 'end a stream',
    calls: 'shutdown',
    says: { ENOTCONN: 'ended' },
  },
  {
    name: 'a folder that went away in between is no extra',
    act: 'list what is extra',
    calls: 'openat2',
    when: '2+',
    says: { ENOENT: 'extra: ', ...thrown('EACCES') },
  },
  {
    name: 'a file is read where its time of access may not be spared',
    act: 'verify a tree',
    calls: { host: 'openat', node: 'openat2' },
    when: 1,
    only: 'tree',
    says: { EPERM: 'right', ...thrown('EACCES') },
  },
  {
    name: 'content that the disk can not give is a failure',
    act: 'verify a tree',
    calls: 'read,pread64',
    when: 1,
    only: 'tree/f',
    says: { EIO: 'sha256digest ""', EINTR: 'right', ...thrown('ENOMEM') },
  },
  {
    name: 'an attribute that went away in between is told as missing',
    act: 'verify a tree',
    calls: 'lgetxattr',
    says: { ENODATA: 'xattr ""', EIO: 'xattr "unreadable"', ...thrown('ENOMEM') },
  },
  {
    name: 'a live file whose attributes can not be had is an edited one',
    act: 'reconcile with the same manifest',
    calls: 'lgetxattr',
    says: { ...passing('ENODATA EOPNOTSUPP EIO', 'edited'), ...thrown('ENOMEM') },
  },
  {
    name: 'a live file that can not be linked is left as edited',
    act: 'reconcile with the same manifest',
    calls: 'linkat',
    says: { ...passing('EXDEV EMLINK EPERM EACCES ENOENT EIO', 'edited'), ...thrown('ENOMEM') },
  },
  {
    name: 'a live file that can not be opened is left as changed',
    act: 'reconcile with another time',
    calls: { host: 'openat', node: 'openat2,openat' },
    when: 1,
    only: 'tree',
    says: { ...passing('EXDEV EMLINK EPERM EACCES ENOENT EIO', 'changed'), ...thrown('ENOMEM') },
  },
]
