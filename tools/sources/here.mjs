/**
 * Where set-up keeps what it fetches, and where it looks for the world. Everything in this folder takes it
 * as a parameter, so that the tests can put a small world of their own in its place.
 */
import { cacheFolder } from '../workplace.mjs'

/**
 * @typedef {object} Here
 * @property {string} cacheFolder where everything is kept that was brought
 * @property {string} aptFolder apt's configuration, which says where Debian's archive is; only read
 * @property {string} keyring the keys of an archive whose entry names none
 * @property {string} snapshot Debian's public archive of past states
 * @property {number} patienceSeconds a server that sends nothing for this long is given up
 * @property {number} retries how often apt asks again after a failure that may pass
 * @property {number} lockSeconds how long another apt may hold what we need
 * @property {string[]} aptOptions further options of every apt program
 * @property {(line: string) => void} say tells the person what is going on
 */

/** @type {Here} */
export const here = {
  cacheFolder,
  aptFolder: '/etc/apt',
  keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
  snapshot: 'https://snapshot.debian.org',
  patienceSeconds: 30,
  retries: 2,
  lockSeconds: 900,
  aptOptions: [],
  say: (line) => process.stderr.write(`${line}\n`),
}
