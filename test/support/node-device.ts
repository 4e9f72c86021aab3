/** A device inside the test's own process: a store over the Node host, and upgrades without the program. */
import { join } from 'node:path'
import type { Host } from '../../src/host.ts'
import { type Progress, silent } from '../../src/progress.ts'
import { loadSecretKey } from '../../src/publish/keygen.ts'
import { publicKeyOf } from '../../src/release/signify.ts'
import { openSource } from '../../src/source/open-source.ts'
import type { Source, SourceOptions } from '../../src/source/source.ts'
import { Store } from '../../src/store/store.ts'
import { install, type Upgrade, type Upgraded, upgrade } from '../../src/upgrade.ts'
import { nodeHost } from './host.ts'
import type { Publisher } from './release.ts'
import { scratch } from './scratch.ts'

export function newStorePath(): string {
  return join(scratch('store'), 'store')
}

export function sourceOptions(host: Host, store: Store): SourceOptions {
  return {
    compression: 'auto',
    compressLevel: undefined,
    connectTimeoutMs: 5_000,
    timeoutMs: 5_000,
    rateMinBytesPerSecond: 0,
    rateWindowMs: 60_000,
    password: undefined,
    scratch() {
      const fd = host.files.createFile(store.directory, 'scratch', 0o600)
      host.files.removeFile(store.directory, 'scratch')
      return fd
    },
    progress: silent,
  }
}

interface JobOptions {
  host?: Host
  urls?: string[]
  sources?: Source[]
  progress?: Progress
  change?: Partial<Upgrade>
}

/** Installs or upgrades the store at `path`; every handle is closed again. */
export async function bring(
  flow: 'install' | 'upgrade',
  path: string,
  publisher: Publisher,
  options: JobOptions = {},
): Promise<Upgraded> {
  const host = options.host ?? nodeHost()
  const store = Store.open(host, path, flow === 'install')
  const urls = options.urls ?? [`file://${publisher.module}`]
  const sources =
    options.sources ?? urls.map((url) => openSource(host, url, sourceOptions(host, store)))
  try {
    store.lock()
    return await (flow === 'install' ? install : upgrade)({
      store,
      sources,
      keys: { release: [publicKeyOf(loadSecretKey(host, publisher.keys.secretFile))] },
      device: { hardware: 'any', deployment: 'any' },
      version: undefined,
      allowDowngrade: false,
      reserveBytes: 0,
      progress: options.progress ?? silent,
      ...options.change,
    })
  } finally {
    for (const source of sources) source.close()
    store.close()
  }
}

/** Opens the store, hands it to `use`, and closes it. */
export async function withStore<T>(
  path: string,
  use: (store: Store) => T | Promise<T>,
  host: Host = nodeHost(),
): Promise<T> {
  const store = Store.open(host, path, false)
  try {
    return await use(store)
  } finally {
    store.close()
  }
}
