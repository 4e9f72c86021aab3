/** `init`: the help for the early boot, and the answer to starting it where it can't run. */
import { ConfigError } from '../errors.ts'
import { type Command, DEBUG, HELP } from './command.ts'

export const initCommand: Command = {
  name: 'init',
  summary: 'start the laptop: only as its first process',
  about:
    'What the kernel runs as /init of the initramfs: finds the store, chooses a tree, repairs it if it\n' +
    'has to, and starts it. Run by hand it needs a process namespace of its own, and takes\n' +
    "the words of the kernel's command line as its own: xo.store=…, xo.debug and so on.\n" +
    'docs/BOOT.md lists them.',
  options: [DEBUG, HELP],
  needsRoot: true,
  async run({ host }) {
    throw new ConfigError(
      `init has to be the first process, and this is process ${host.system.processId()}`,
      'for a test: unshare --mount --pid --fork xo-upgrade init WORD…',
    )
  },
}
