/**
 * Base64, strictly: one spelling for each sequence of bytes. Keys, signatures and extended
 * attributes come through here. QuickJS has no atob; malformed text never throws.
 */
import { decode, encode } from '@stablelib/base64'

export function encodeBase64(bytes: Uint8Array): string {
  return encode(bytes)
}

/** The bytes, or undefined if the text is not what `encodeBase64` would write. */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = decode(text)
    const quads = Math.ceil(bytes.length / 3)
    if (text.length !== quads * 4) return undefined
    // Only the last quad has bits to spare, and so more than one spelling.
    return text.endsWith(encode(bytes.subarray(quads * 3 - 3))) ? bytes : undefined
  } catch (error) {
    // Its own errors have no class; any other error (no memory) says nothing about the text.
    if (error instanceof Error && error.message.startsWith('Base64Coder')) return undefined
    throw error
  }
}
