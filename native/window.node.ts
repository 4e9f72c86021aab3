/** The check of every window into a buffer, as the C side's buffer_window makes it. */

export function checkWindow(buffer: Uint8Array, offset: number, length: number): void {
  const whole = Number.isInteger(offset) && Number.isInteger(length)
  if (!whole || offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError('the window reaches past the buffer')
  }
}
