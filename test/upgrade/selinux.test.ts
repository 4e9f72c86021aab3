/**
 * A stand-in for a machine with an SELinux policy: every entry has a label that the kernel gave it, and no
 * label can be taken away. An image without labels goes through all the same; those of one that has some
 * are set. Needs root, and strace to refuse the calls.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Fd, Path } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42, SAME } from '../support/image.ts'
import { needStrace } from '../support/needs.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import type { Tree } from '../support/tree.ts'

const { files } = nodeHost()
const NAME = 'security.selinux'
const BY_KERNEL = 'system_u:object_r:unlabeled_t:s0\0'
const BY_IMAGE = 'system_u:object_r:etc_t:s0\0'

/** The program, with a kernel that refuses to take any attribute away. */
const program = join(scratch('confined'), 'xo-upgrade')
const CALLS = 'removexattr,lremovexattr,fremovexattr'
const STRACE = `strace -f -o /dev/null -e trace=${CALLS} -e inject=${CALLS}:error=EACCES`
writeFileSync(program, `#!/bin/sh\nexec ${STRACE} ${PROGRAM} "$@"\n`, { mode: 0o755 })

/** What a kernel with a policy does to whatever is made. */
function labelAll(root: string): void {
  const fd = files.openRoot(root)
  const label = (path: Path) => {
    const stat = files.stat(fd, path)
    if (!stat) return
    if (stat.type === 'dir') {
      for (const name of files.readDirectory(fd, path))
        label(path === '.' ? name : `${path}/${name}`)
    }
    const xattrs = files.readXattrs(fd, path).filter(({ name }) => name !== NAME)
    const all = [...xattrs, { name: NAME, value: arrayOfBytes(BY_KERNEL) }]
    files.setMetadata(fd, path, { ...stat, xattrs: all })
  }
  label('.')
  files.close(fd)
}

function labelOf(root: string, path: Path): string | undefined {
  const fd: Fd = files.openRoot(root)
  const label = files.readXattrs(fd, path).find(({ name }) => name === NAME)
  files.close(fd)
  return label && bytesOfArray(label.value)
}

/** The same image, labelled before it was published. */
const labelled = (tree: Tree): Tree =>
  new Map(
    [...tree].map(([path, entry]) => {
      const xattrs = [...entry.xattrs, { name: NAME, value: arrayOfBytes(BY_IMAGE) }]
      return [path, entry.type === 'hard-link' ? entry : { ...entry, xattrs }] as const
    }),
  )

test('labels of the kernel are no damage and stay, and those of an image are set', async () => {
  needStrace()
  const publisher = new Publisher()
  publisher.publish(41, image41())
  const sources = [`file://${publisher.module}`]
  const device = new Device({ sources, keys: publisher.keys.publicFile })
  const succeed = (command: string, words: string[] = []) =>
    device.succeed(command, words, { program })
  await succeed('install')
  labelAll(device.root())
  assert.is((await succeed('verify', ['--full'])).damage.length, 0)
  publisher.publish(42, image42())
  await succeed('upgrade')
  labelAll(device.root('upgraded-root'))
  await succeed('swap')
  await succeed('confirm', ['--force'])
  assert.is((await succeed('verify', ['--full'])).damage.length, 0)
  assert.is(labelOf(device.root(), SAME), BY_KERNEL)
  // The labelled tree of before is built upon, whichever of its entries stay.
  publisher.publish(43, image41())
  await succeed('upgrade')
  assert.is((await succeed('verify', ['--tree', 'upgraded-root'])).damage.length, 0)
  await succeed('swap')
  await succeed('confirm', ['--force'])
  publisher.publish(44, labelled(image42()))
  await succeed('upgrade')
  assert.is((await succeed('verify', ['--tree', 'upgraded-root'])).damage.length, 0)
  assert.is(labelOf(device.root('upgraded-root'), SAME), BY_IMAGE)
  assert.is(labelOf(device.root(), SAME), BY_KERNEL, 'the running tree keeps its own')
})

test.run()
