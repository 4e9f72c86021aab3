/**
 * What all boot tests start from, made once by `tools/boot` and kept in `.cache/boot`: Debian's kernel,
 * the firmware, and signed releases of a small system with a disk that has the first of them.
 */
import { PROGRAM } from '../support/program.ts'

/** The small systems by their init; `soft` is a systemd that is new enough for a soft reboot. */
export type Init = 'busybox' | 'systemd' | 'soft' | 'sysvinit'

export interface Releases {
  /**
   * A folder with the releases 41, 42 and 43, the last of which is sick. To be copied from, never changed.
   */
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

type Flash = 'block2mtd' | 'phram' | 'nandsim'

/** What else `tools/boot/firmware.mjs` puts in. */
export interface Equipment {
  /** The store is on JFFS2, on flash that this kernel module makes. */
  flash?: Flash
  /** Further kernel modules; parameters may follow a name. */
  modules?: string[]
  /** Further lines of the configuration's part `[boot]`. */
  boot?: string[]
  /** Two simulated radios, wpa_supplicant, and a school on the air. */
  radio?: boolean
}

export interface Stage {
  firmware: Firmware
  /** The same for another machine, or with more. */
  firmwareOf(target: string, equipment?: Equipment): Promise<Firmware>
  /** Of one of the systems that were asked for. */
  releases(init: Init): Releases
}

const tool = (name: string) => new URL(`../../../../tools/boot/${name}.mjs`, import.meta.url).href

/** `inits`: which systems are needed; the others are not made. */
export async function setStage(inits: Iterable<Init>): Promise<Stage> {
  const { bringKernel } = await import(tool('kernel'))
  const { bringKeys, makeReleases } = await import(tool('releases'))
  const { makeFirmware } = await import(tool('firmware'))
  const kernel = await bringKernel()
  const made = new Map<Init, Releases>()
  for (const init of inits) made.set(init, await makeReleases({ init, program: PROGRAM }))
  const releases = (init: Init): Releases => {
    const found = made.get(init)
    if (!found) throw new Error(`the case did not say that it needs the ${init} system`)
    return found
  }
  const keys = (await bringKeys(PROGRAM)).public
  const firmwareOf = async (target: string, equipment?: Equipment): Promise<Firmware> => {
    const initramfs = await makeFirmware({ target, kernel, keys, equipment })
    return { kernel: kernel.image, initramfs }
  }
  return { firmware: await firmwareOf('x86_64'), firmwareOf, releases }
}
