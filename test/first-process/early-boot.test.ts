/** The real program as process 1, from its first mount to the system's init. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Laptop, smallSystem } from './laptop.ts'

const test = suite('early boot as process 1')

test('finds the store, counts the boot, and hands over to the init of the tree', async () => {
  const laptop = new Laptop()
  const look = 'cat /proc/mounts; ls /xo /run/xo/store/; grep Starting /run/xo/boot.log'
  await laptop.install(smallSystem(41, look))
  const { output, status } = await laptop.start()
  assert.is(status, 0, output)
  assert.match(output, /^system 41 as \/sbin\/init , process 1$/m)
  assert.match(output, /^\/dev\/loop[0-9]+ \/ ext4 rw/m)
  assert.match(output, /^\/dev\/loop[0-9]+ \/xo ext4 rw/m)
  assert.match(output, /\/xo:\nfakeroot\nlock\nstate\n/)
  assert.match(output, /^ *[0-9.]+ Starting version 41\.$/m)
  assert.match(laptop.read('xo/state'), /^boots=1$/m)
})

test.run()
