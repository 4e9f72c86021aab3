/**
 * Progress for programs and logs: JSON lines, or one line per phase where no bar can be drawn. All of
 * it goes where it can't mix with the result.
 */
import type { Clock } from '../host.ts'
import type { ShownProgress } from '../progress.ts'
import { INTERVAL_MS, Meter, summary, type Write } from '../progress-bar.ts'
import { harmless, jsonLine, show } from '../text.ts'

export function logProgress(clock: Clock, write: Write): ShownProgress {
  const meter = new Meter(clock)
  const end = () => {
    if (meter.phase !== undefined) write(`${summary(meter)}\n`)
    meter.phase = undefined
  }
  return {
    begin(phase, total, unit) {
      end()
      meter.begin(phase, total, unit)
    },
    advance(done) {
      meter.done = done
    },
    traffic(received, sent) {
      meter.received = received
      meter.sent = sent
    },
    note: (text) => write(`${harmless(text)}\n`),
    end,
  }
}

export function jsonProgress(clock: Clock, write: Write): ShownProgress {
  const meter = new Meter(clock)
  let writtenMs = 0
  const line = (record: object) => write(jsonLine(record))
  const progress = () => {
    writtenMs = clock.monotonicMs()
    const { phase, done, total, unit, received, sent } = meter
    const secondsLeft = meter.secondsLeft()
    const path = meter.path && show(meter.path)
    line({ event: 'progress', phase, done, total, unit, received, sent, secondsLeft, path })
  }
  const progressNowAndThen = () => {
    if (clock.monotonicMs() - writtenMs >= INTERVAL_MS) progress()
  }
  return {
    begin(phase, total, unit) {
      meter.begin(phase, total, unit)
      line({ event: 'phase', phase, total, unit })
    },
    advance(done, path) {
      meter.done = done
      if (path !== undefined) meter.path = path
      progressNowAndThen()
    },
    traffic(received, sent) {
      meter.received = received
      meter.sent = sent
      if (meter.phase !== undefined) progressNowAndThen()
    },
    note: (text) => line({ event: 'note', text }),
    end() {
      if (meter.phase !== undefined) progress()
      meter.phase = undefined
    },
  }
}
