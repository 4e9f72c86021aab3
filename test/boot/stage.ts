/**
 * What all boot tests start from, made once by `tools/boot` and kept in `.cache/boot`: Debian's kernel,
 * the firmware, and signed releases of a small system with a disk that has the first of them.
 */
import { resolve } from 'node:path'

export type Init = 'busybox' | 'systemd'

export interface Releases {
  /** Holds the releases 41, 42 and 43, of which the last is sick. To be copied from, never changed. */
  module: string
  /** The disk of a laptop with release 41; likewise. */
  disk: string
  /** Of busybox: the flash of such a laptop. */
  flash: string
  keys: { public: string; secret: string }
}

export interface Firmware {
  kernel: string
  initramfs: string
}

export interface Stage {
  firmware: Firmware
  /** The same for another machine, or with the store on raw flash. */
  firmwareOf(target: string, flash?: boolean): Promise<Firmware>
  releases: Record<Init, Releases>
}

export const PROGRAM = resolve('build/x86_64/xo-upgrade')

const tool = (name: string) => new URL(`../../../../tools/boot/${name}.mjs`, import.meta.url).href

export async function setStage(): Promise<Stage> {
  const { bringKernel } = await import(tool('kernel'))
  const { makeReleases } = await import(tool('releases'))
  const { makeFirmware } = await import(tool('firmware'))
  const kernel = await bringKernel()
  const make = (init: Init) => makeReleases({ init, program: PROGRAM })
  const releases = { busybox: await make('busybox'), systemd: await make('systemd') }
  const keys = releases.busybox.keys.public
  const firmwareOf = async (target: string, flash = false): Promise<Firmware> => {
    const initramfs = await makeFirmware({ target, kernel, keys, flash })
    return { kernel: kernel.image, initramfs }
  }
  return { firmware: await firmwareOf('x86_64'), firmwareOf, releases }
}
