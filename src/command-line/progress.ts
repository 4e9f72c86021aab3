/**
 * Progress for programs and logs: JSON lines, or one line per phase where no bar can be drawn. All of
 * it goes where it can't mix with the result.
 */
import type { Clock } from '../host.ts'
import type { ShownProgress } from '../progress.ts'
import { Meter, shownBy, summary, type Write } from '../progress-bar.ts'
import { harmless, jsonLine, show } from '../text.ts'

export function logProgress(clock: Clock, write: Write): ShownProgress {
  const meter = new Meter(clock)
  const over = () => write(`${summary(meter)}\n`)
  return shownBy(meter, { over, ended: over, note: (text) => write(`${harmless(text)}\n`) })
}

export function jsonProgress(clock: Clock, write: Write): ShownProgress {
  const meter = new Meter(clock)
  const line = (record: object) => write(jsonLine(record))
  const begun = () => {
    const { phase, total, unit } = meter
    line({ event: 'phase', phase, total, unit })
  }
  const state = () => {
    meter.shown()
    const { phase, done, total, unit, received, sent } = meter
    const secondsLeft = meter.secondsLeft()
    const path = meter.path && show(meter.path)
    line({ event: 'progress', phase, done, total, unit, received, sent, secondsLeft, path })
  }
  return shownBy(meter, {
    begun,
    show: state,
    ended: state,
    note: (text) => line({ event: 'note', text }),
  })
}
