/**
 * What hostile rsync peers send, put together from the protocol's parts: bytes, frames, a correct greeting.
 */

export const hex = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex')
export const latin = (text: string) => Buffer.from(text, 'latin1')

export function frame(code: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32LE(payload.length + (7 + code) * 0x1000000)
  return Buffer.concat([header, payload])
}

export const WELCOME = latin('@RSYNCD: 31.0\n@RSYNCD: OK\n')
export const AGREED = Buffer.concat([WELCOME, hex('81fe 03'), latin('md5'), hex('00000000')])
