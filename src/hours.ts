/** Parts of the day by the laptop's own clock, as the configuration names them: `22:00-06:00`. */

/** Minutes of a day. Where `from` is not before `to`, it reaches over midnight. */
export interface HourWindow {
  from: number
  to: number
}

/** Undefined if it is not of this form. */
export function parseHours(text: string): HourWindow | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (!match) return undefined
  const [, ...words] = match
  const [fromHour = 0, from = 0, toHour = 0, to = 0] = words.map(Number)
  return { from: fromHour * 60 + from, to: toHour * 60 + to }
}

export function isWithin(minute: number, { from, to }: HourWindow): boolean {
  return from < to ? minute >= from && minute < to : minute >= from || minute < to
}

export function minuteOfDay(wallSeconds: number): number {
  const now = new Date(wallSeconds * 1000)
  return now.getHours() * 60 + now.getMinutes()
}
