/**
 * A laptop without a cable, as a case that boots a real machine: two radios that the kernel simulates,
 * Debian's wpa_supplicant in the initramfs on one of them, and on the other a school (`wireless/`), where
 * only the DHCP server says where releases are. A case throws if the laptop does not do what it should.
 */
import { runsWhole, setUp, starts } from './cases.ts'
import type { Init, Stage } from './stage.ts'

/** 4: the system is ruined, and is mended over the air. */
export async function wireless(stage: Stage, init: Init): Promise<void> {
  const firmware = await stage.firmwareOf('x86_64', { radio: true })
  const { laptop, server } = setUp({ ...stage, firmware }, init, 41)
  laptop.zero('/fakeroot/root/usr/lib/x86_64-linux-gnu/libc.so.6')
  const machine = await laptop.boot({ server, words: ['rdinit=/school/start'] })
  await machine.says('The school is on the air.')
  await machine.says(/wlan0: 192\.168\.7\.[0-9]+/)
  await machine.says('rsync://192.168.7.1/xo')
  await machine.says('The system is whole again.')
  await starts(machine, 41)
  await runsWhole(machine, 41)
  await machine.cut()
  await server.stop()
}
