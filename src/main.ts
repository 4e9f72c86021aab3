/**
 * The entry of the bundle, and the only place that imports native modules as values: it hands them
 * to the command line and ends the process with the status that comes back. As the first process of a
 * laptop it never ends; on an errand of that process it does what it is asked for on stdin.
 */
import { PROGRAM_VERSION } from 'package:version'
import * as host from '../native/modules.ts'
import { isInit, runInit, wordsOf } from './boot/init.ts'
import { goOnErrand, isErrand } from './boot/on-errand.ts'
import { runCommandLine } from './command-line/commands.ts'

if (isInit(host)) await runInit(host, PROGRAM_VERSION)
if (isErrand(host)) host.processes.exit(await goOnErrand(host))
host.processes.exit(await runCommandLine(host, wordsOf(host.processes.argv), PROGRAM_VERSION))
