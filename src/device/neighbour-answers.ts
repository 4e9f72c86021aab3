/**
 * The daemon's answers to neighbours who ask for a version: that its server has it, where, and how many more it would
 * serve. Without a server nobody is answered; a port that can't be heard at is reported, and holds back nothing.
 */
import { ConfigError, isExpected, isSystemError } from '../errors.ts'
import { NeighbourAnswers, type NeighbourOffer } from '../peers/answer.ts'
import { contentOf } from '../serve/store-view.ts'
import { textOfBytes } from '../text.ts'
import type { Device } from './device.ts'
import type { ServeChild } from './serve-child.ts'

/** Until what it gives is called. */
export function answerNeighbours(device: Device, server: ServeChild): () => void {
  const { host, configuration, progress } = device
  const { pushPort: port, serve } = configuration
  const failed = (error: unknown) =>
    progress.note(`neighbours are not answered: ${(error as Error).message}`)
  if (!serve.enabled || port === 0) return () => {}
  try {
    const offered = () => offerOf(device, server)
    const answers = new NeighbourAnswers(host, { port, offered }, failed)
    return () => answers.close()
  } catch (error) {
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
    failed(error)
    return () => {}
  }
}

function offerOf(device: Device, server: ServeChild): NeighbourOffer | undefined {
  const { port, places, freePlaces } = server
  if (port === undefined || freePlaces === 0) return undefined
  const { hardware, deployment } = device.configuration
  const traits = {
    hardware: textOfBytes(hardware) ?? 'any',
    deployment: textOfBytes(deployment) ?? 'any',
  }
  try {
    const store = device.store()
    try {
      return { ...traits, ...contentOf(store), port, places, freePlaces }
    } finally {
      store.close()
    }
  } catch (error) {
    // What a store that can't be read has is nothing.
    if (!isExpected(error)) throw error
    return undefined
  }
}
