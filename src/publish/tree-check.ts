/**
 * Whether a tree can be meant for devices: a system that starts, that says what it is, and that has not lost half
 * of itself since the version before. `--any-tree` asks for none of that.
 */
import { ConfigError } from '../errors.ts'
import type { Release } from '../release/release.ts'
import { findFault, INITS } from '../store/start-check.ts'
import type { OpenTree } from '../store/store.ts'
import { megabytes } from '../text.ts'
import type { Publishing } from './publishing.ts'

/** Where os-release(5) stands. */
const OS_RELEASE = ['etc/os-release', 'usr/lib/os-release']

/** Of the bytes of the version before, so much must be left. */
const LEFT_RATIO = 0.5

const ANY_TREE = '--any-tree takes it as it is'

export function refuseNoSystem({ host, image, anyTree }: Publishing): void {
  if (anyTree || OS_RELEASE.some((path) => host.files.stat(image.root, path))) return
  throw new ConfigError(
    `${image.name} is no system: it has no /${OS_RELEASE.join(' and no /')}`,
    `name the folder that is to be the root of a device; ${ANY_TREE}`,
  )
}

export function refuseShrunken({ image, survey, anyTree }: Publishing, latest: Release): void {
  const { imageBytes: before, version } = latest
  if (anyTree || survey.imageBytes >= before * LEFT_RATIO) return
  throw new ConfigError(
    `${image.name} has ${megabytes(survey.imageBytes)}, less than half of the ${megabytes(before)} ` +
      `of version ${version}`,
    `look whether all of it is there; ${ANY_TREE}`,
  )
}

/** The tree with its manifest, before it is signed: as an early boot looks at it before each start. */
export function refuseNoStart({ host, image, anyTree }: Publishing, tree: OpenTree): void {
  if (anyTree) return
  const fault = findFault(host, tree, INITS, new Set())
  if (!fault) return
  throw new ConfigError(
    `${image.name} can't start a device: ${fault.text}`,
    `complete it; ${ANY_TREE}, for devices whose [boot] init is another`,
  )
}
