/**
 * Kernel modules: those that the initramfs lists, in its order. A module that this machine has no
 * use for is not a failure; a missing one shows when a disk does not appear.
 */
import { isSystemError } from '../../errors.ts'
import type { Host, Path } from '../../host.ts'
import { show } from '../../text.ts'
import { readFact } from './small-facts.ts'

/** The path of one `.ko` per line, followed by its parameters; `#` begins a comment. */
const LIST = '/etc/xo-modules'

export function loadModules(host: Host, note: (text: string) => void): void {
  const list = readFact(host, LIST)
  for (const { file, parameters } of parseModuleList(list)) {
    try {
      host.system.loadModule(file, parameters)
      note(`module ${show(file)}`)
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (error.code !== 'EEXIST') note(`module ${show(file)}: ${error.code}`)
    }
  }
}

export function parseModuleList(text: string): { file: Path; parameters: string }[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim())
  return lines.filter(Boolean).map((line) => {
    const [file = '', ...parameters] = line.split(/\s+/)
    return { file, parameters: parameters.join(' ') }
  })
}
