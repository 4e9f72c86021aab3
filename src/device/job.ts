/** The only place that makes an `Upgrade` from a device: for an operator, a round or an early boot. */
import type { Source } from '../source/source.ts'
import type { Store } from '../store/store.ts'
import type { Upgrade } from '../upgrade.ts'
import type { Device } from './device.ts'

/** What somebody wants: an operator, or the decision of a round. */
export interface JobWish {
  /** Undefined: the newest. */
  version: number | undefined
  allowDowngrade: boolean
  /** URLs in the order to try them. */
  sources: readonly string[]
}

/** The caller opens and closes the sources. */
export function jobOf(
  device: Device,
  store: Store,
  sources: Source[],
  { version, allowDowngrade }: Omit<JobWish, 'sources'>,
): Upgrade {
  const { hardware, deployment, reserveBytes, patience, packs } = device.configuration
  const { keepPacks, serve } = device.configuration
  return {
    store,
    sources,
    keys: device.configuredKeys(),
    device: { hardware, deployment },
    version,
    allowDowngrade,
    reserveBytes,
    patience,
    withoutPacks: !packs,
    // Whoever comes by pack spares the air more than the disk takes.
    keepPacks: keepPacks || serve.enabled,
    progress: device.progress,
  }
}
