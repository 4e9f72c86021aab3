/** Keys, published modules and device stores for tests, made by the program's own parts over Node. */
import { join } from 'node:path'
import type { Host } from '../../src/host.ts'
import { silent } from '../../src/progress.ts'
import { generateKeys } from '../../src/publish/keygen.ts'
import { type PublishOptions, type PublishResult, publish } from '../../src/publish/publish.ts'
import { nodeHost } from './host.ts'
import { plainCoder } from './plain-coder.ts'
import { scratch } from './scratch.ts'
import { makeTree, type Tree } from './tree.ts'

export interface Keys {
  publicFile: string
  secretFile: string
}

export function makeKeys(): Keys {
  return generateKeys(nodeHost(), { directory: scratch('keys'), name: 'release' })
}

/** What the publisher's program has, with a coder of ours. */
function publisherHost(): Host {
  const host = nodeHost()
  return { ...host, packCoder: plainCoder(host.files) }
}

/** A module, and the keys that its releases are signed with. */
export class Publisher {
  readonly host = publisherHost()
  readonly keys = makeKeys()
  readonly module = scratch('module')
  readonly #images = scratch('images')
  #count = 0

  publish(
    version: number,
    tree: Tree,
    options: Partial<Omit<PublishOptions, 'image' | 'version' | 'module' | 'progress'>> = {},
  ): PublishResult {
    const image = join(this.#images, `${version}-${this.#count++}`)
    makeTree(this.host, image, tree)
    return publish(this.host, {
      image,
      version,
      module: this.module,
      secretKey: this.keys.secretFile,
      anyTree: true,
      ...options,
      progress: silent,
    })
  }
}
