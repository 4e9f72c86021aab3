/**
 * A laptop without a machine: the real program as process 1 in namespaces, over a real ext4 in a file, with
 * small systems whose init is a busybox script. Much faster than a virtual machine, and everything but the
 * kernel is the same.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MachineEnd, type MachineRun, runMachine } from '../support/memory-machine.ts'
import { bring } from '../support/node-device.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { file, folder, link, type Tree } from '../support/tree.ts'

const DEADLINE_MS = 60_000
const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'home',
  'mnt',
  'proc',
  'run',
  'sbin',
  'sys',
  'tmp',
  'var',
  'xo',
]
const APPLETS = [
  'cat',
  'echo',
  'env',
  'grep',
  'ls',
  'mount',
  'sh',
  'touch',
  'umount',
  'true',
  'sleep',
  'poweroff',
]

/** A system whose init says who it is, runs the script, and ends the laptop. */
export function smallSystem(version: number, script = ''): Tree {
  const busybox = readFileSync('/usr/bin/busybox')
  const init = `#!/bin/sh\nPATH=/bin\necho "system ${version} as $0 $*, process $$"\n${script}\nexit 0\n`
  return new Map([
    ['.', folder()],
    ...FOLDERS.map((path): [string, ReturnType<typeof folder>] => [path, folder()]),
    ['bin/busybox', file(busybox, { mode: 0o755 })],
    ...APPLETS.map((name): [string, ReturnType<typeof link>] => [`bin/${name}`, link('busybox')]),
    ['etc/version', file(`${version}\n`)],
    ['home/welcome', file('from the tree\n')],
    ['sbin/init', file(init, { mode: 0o755 })],
  ])
}

/** A system with busybox as its init, which runs the script once, and with this program in it. */
export function busyboxSystem(version: number, script: string): Tree {
  const inittab = '::once:/bin/sh /etc/rc\n::restart:/sbin/init\n'
  return new Map([
    ...smallSystem(version),
    ['bin/xo-upgrade', file(readFileSync(PROGRAM), { mode: 0o755 })],
    ['etc/inittab', file(inittab)],
    ['etc/rc', file(`PATH=/bin:/sbin\nexec 2>&1\n${script}\n`)],
    ['sbin/init', link('../bin/busybox')],
  ])
}

function makeDisk(image: string, label: string, content: string): void {
  writeFileSync(image, '')
  execFileSync('truncate', ['-s', '96M', image])
  execFileSync('mkfs.ext4', ['-q', '-L', label, '-d', content, image])
}

let laptops = 0

export class NamespaceLaptop {
  readonly publisher = new Publisher()
  readonly label = `x${process.pid}-${laptops++}`
  readonly image = join(scratch('disk'), 'disk.img')
  /** As in the initramfs. */
  configuration = ''
  publisherKeys = this.publisher.keys.publicFile

  /** Makes the disk out of a store with version 41 (and what `change` does to it). */
  async install(
    tree: Tree,
    change: (store: string) => void | Promise<void> = () => {},
  ): Promise<void> {
    const disk = scratch('disk-content')
    this.publisher.publish(41, tree)
    await bring('install', join(disk, 'xo'), this.publisher)
    await change(join(disk, 'xo'))
    this.format(disk)
  }

  /** An ext4 with the content of a folder. */
  format(content: string): void {
    makeDisk(this.image, this.label, content)
  }

  /** Changes its disk while it is off: shell in the root of its disk. */
  change(script: string): string {
    const mounted = 'set -e; mount -o loop "$0" /mnt; cd /mnt; eval "$1"; cd /; umount /mnt'
    return execFileSync('unshare', ['-m', 'sh', '-c', mounted, this.image, script], {
      encoding: 'utf8',
    })
  }

  /** Fills its disk to the last block and the last inode's worth of them. */
  fill(): void {
    this.change(
      'mkdir -p fill; dd if=/dev/zero of=fill/large bs=64k 2>/dev/null || true; ' +
        'i=0; while echo x 2>/dev/null >fill/$i; do i=$((i + 1)); done; sync',
    )
  }

  /** A USB stick with all that was published: its image. */
  makeStick(label = this.label): string {
    const image = join(scratch('stick'), 'stick.img')
    makeDisk(image, `${label}-stick`, this.publisher.module)
    return image
  }

  /** Starts it once; the words are those of the kernel's command line. */
  async start(
    words: string[] = [],
    {
      disks = [],
      program = PROGRAM,
      files = {},
      readOnly = false,
      ...options
    }: {
      /** Another program than the one that ships. */
      program?: string
      /** More of them in the initramfs. */
      files?: Record<string, string>
      disks?: string[]
      /** Its disk cannot be written to. */
      readOnly?: boolean
    } & Partial<Omit<MachineRun, 'files' | 'command'>> = {},
  ): Promise<MachineEnd> {
    const etc = scratch('etc')
    writeFileSync(
      join(etc, 'xo-upgrade.conf'),
      `[recovery]\nstick[] = ${this.label}-stick\n[boot]\nmenu-seconds = 0\n${this.configuration}`,
    )
    const loops = [this.image, ...disks].map((image) => {
      const words = image === this.image && readOnly ? ['-r'] : []
      return execFileSync('losetup', [...words, '-f', '--show', image], { encoding: 'utf8' }).trim()
    })
    try {
      return await runMachine({
        files: {
          'xo-upgrade': program,
          ...files,
          'etc/xo-upgrade.conf': join(etc, 'xo-upgrade.conf'),
          'etc/xo-upgrade/keys/release.pub': this.publisherKeys,
        },
        command: ['/xo-upgrade', 'init', `xo.store=LABEL=${this.label}:/xo`, ...words],
        deadlineMs: DEADLINE_MS,
        ...options,
      })
    } finally {
      for (const loop of loops) execFileSync('losetup', ['-d', loop])
    }
  }

  /** A file of its disk, while it is off. */
  read(path: string): string {
    return execFileSync('debugfs', ['-R', `cat /${path}`, this.image], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  }
}
