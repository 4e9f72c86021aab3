/**
 * A school's network on this machine: a switch, and machines with a card each (`10.73.0.N`, and a
 * link-local IPv6 address), each in a network namespace of its own. All of it goes with `remove`.
 */
import { spawnSync } from 'node:child_process'
import { mustRun } from './stock-tool.ts'

interface Machine {
  /** Of the namespace. */
  name: string
  address: string
  /** The words that run a command there. */
  inside: string[]
}

export interface Lan {
  machines: Machine[]
  remove(): void
}

const ip = (...words: string[]) => mustRun('ip', words)
let count = 0

/** Whether this machine lets us make namespaces. */
export function namespacesAllowed(): boolean {
  const name = `xo-probe-${process.pid}`
  const made = spawnSync('ip', ['netns', 'add', name]).status === 0
  if (made) spawnSync('ip', ['netns', 'delete', name])
  return made
}

/** Throws if this machine allows no namespaces, and says what is missing. */
export function makeLan(size: number): Lan {
  if (!namespacesAllowed()) {
    throw new Error(
      'this machine lets us make no network namespaces: run it as root, with iproute2 installed, ' +
        'and in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN',
    )
  }
  const lan = `xo${process.pid}-${count++}`
  const theSwitch = `${lan}-switch`
  ip('netns', 'add', theSwitch)
  const names = [theSwitch]
  const remove = () => {
    for (const name of names) spawnSync('ip', ['netns', 'delete', name])
  }
  try {
    ip('-n', theSwitch, 'link', 'add', 'bridge', 'type', 'bridge')
    ip('-n', theSwitch, 'link', 'set', 'bridge', 'up')
    const machines = Array.from({ length: size }, (_, index) => {
      const name = `${lan}-${index + 1}`
      const address = `10.73.0.${index + 1}`
      ip('netns', 'add', name)
      names.push(name)
      const port = `port${index + 1}`
      ip(
        '-n',
        name,
        'link',
        'add',
        'eth0',
        'type',
        'veth',
        'peer',
        'name',
        port,
        'netns',
        theSwitch,
      )
      ip('-n', theSwitch, 'link', 'set', port, 'master', 'bridge', 'up')
      // Without the check for duplicate addresses, which takes seconds.
      spawnSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0'])
      ip('-n', name, 'address', 'add', `${address}/24`, 'broadcast', '10.73.0.255', 'dev', 'eth0')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      return { name, address, inside: ['ip', 'netns', 'exec', name] }
    })
    return { machines, remove }
  } catch (error) {
    remove()
    throw error
  }
}
