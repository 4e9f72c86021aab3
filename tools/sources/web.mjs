/**
 * Fetches a file from an address outside Debian's archive: upstream's, or the archive of past states.
 */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SetupError } from '../workplace.mjs'

/** Gives up if the server sends nothing for `patienceSeconds`, however long the whole takes. */
export async function bringFromWeb(url, target, { patienceSeconds }) {
  const stop = new AbortController()
  const giveUp = () =>
    stop.abort(new SetupError(`${url}: nothing came for ${patienceSeconds} seconds`))
  let timer = setTimeout(giveUp, patienceSeconds * 1000)
  try {
    const answer = await fetch(url, { signal: stop.signal })
    if (!answer.ok) throw new SetupError(`${url}: HTTP ${answer.status}`)
    const watched = async function* (pieces) {
      for await (const piece of pieces) {
        clearTimeout(timer)
        timer = setTimeout(giveUp, patienceSeconds * 1000)
        yield piece
      }
    }
    await pipeline(Readable.fromWeb(answer.body), watched, createWriteStream(target))
  } catch (error) {
    if (error instanceof SetupError) throw error
    throw new SetupError(`${url}: ${error.cause?.message ?? error.message}`)
  } finally {
    clearTimeout(timer)
  }
}
