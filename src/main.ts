/**
 * The entry of the bundle, and the only place that imports native modules as values: it hands them
 * to the command line and ends the process with the status that comes back. As the first process of a
 * laptop it never ends.
 */
import * as checksums from 'native:checksums'
import * as clock from 'native:clock'
import * as delta from 'native:delta'
import * as files from 'native:files'
import * as processes from 'native:processes'
import * as random from 'native:random'
import * as signatures from 'native:signatures'
import * as sockets from 'native:sockets'
import * as system from 'native:system'
import * as trees from 'native:trees'
import { PROGRAM_VERSION } from 'package:version'
import { isInit, runInit, wordsOf } from './boot/init.ts'
import { runCommandLine } from './command-line/commands.ts'

const host = {
  checksums,
  clock,
  delta,
  files,
  processes,
  random,
  signatures,
  sockets,
  system,
  trees,
}
if (isInit(host)) await runInit(host, PROGRAM_VERSION)
processes.exit(await runCommandLine(host, wordsOf(processes.argv), PROGRAM_VERSION))
