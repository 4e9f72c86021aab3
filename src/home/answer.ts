/**
 * The answer to one laptop: pure, from what it asked, what the operator wants, and the time. It
 * promises nothing that the laptop could not check for itself.
 */
import type { Question } from '../call-home/question.ts'
import type { Reply } from '../call-home/reply.ts'
import type { Checksums } from '../host.ts'
import { arrayOfBytes } from '../text.ts'
import type { DeploymentPolicy, PolicyChoice } from './policy.ts'

export function answer(
  checksums: Checksums,
  { serial, nonce, deployment }: Question,
  policy: DeploymentPolicy,
  time: number,
): Reply {
  const stolen = policy.stolen.has(serial)
  const who = { serial, deployment }
  return {
    serial,
    nonce,
    time,
    stolen,
    version: choose(policy.pins, who) ?? versionFor(checksums, serial, policy),
    leaseEnd: stolen ? undefined : leaseEndOf(policy, who, time),
    intervalSeconds: policy.intervalSeconds,
    priority: policy.priority,
    sources: policy.sources,
    message: policy.message,
  }
}

/** The nearest word: of the laptop, of its deployment, of all. */
function choose<Value>(
  chosen: PolicyChoice<Value>,
  { serial, deployment }: { serial: string; deployment: string },
): Value | undefined {
  return chosen.serials.get(serial) ?? chosen.deployments.get(deployment) ?? chosen.any
}

function versionFor(
  checksums: Checksums,
  serial: string,
  { latest, rollOut }: DeploymentPolicy,
): number | undefined {
  if (rollOut && placeOf(checksums, serial, rollOut.version) < rollOut.percent) {
    return rollOut.version
  }
  return latest
}

/**
 * Where a laptop stands in the queue for a version, from 0 to just below 100. The same each time, so
 * that a higher percentage keeps all who were in; different for each version, so that the same children
 * don't always go first.
 */
export function placeOf(checksums: Checksums, serial: string, version: number): number {
  const digest = checksums.hash('sha256', arrayOfBytes(`${version} ${serial}`))
  const [a = 0, b = 0, c = 0, d = 0] = digest
  return ((((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32) * 100
}

function leaseEndOf(
  { leases }: DeploymentPolicy,
  who: { serial: string; deployment: string },
  time: number,
): number | undefined {
  const lease = choose(leases, who)
  if (lease === undefined) return undefined
  return 'end' in lease ? lease.end : time + lease.seconds
}
