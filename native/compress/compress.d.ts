/** Decoders. Output is bounded; windows above 8 MiB are refused. */
declare module 'native:compress' {
  /** A stream of one format: 'zstd' frames, or 'inflate' (raw deflate, no header). */
  export type Decoder = object
  export function openDecoder(format: 'zstd' | 'inflate'): Decoder
  /**
   * Takes input from `source`, fills `target` from its start. `used` bytes were taken, `made` bytes came out;
   * `made` less than target's length with all of `source` used means that more input is wanted; otherwise call again.
   * `ended` after the last byte of the stream (of the frame: more input begins the next one). Broken data throws `{ name: 'CompressedDataError', message }`.
   */
  export function decode(
    decoder: Decoder,
    source: Uint8Array,
    offset: number,
    length: number,
    target: Uint8Array,
  ): { used: number; made: number; ended: boolean }
  export function closeDecoder(decoder: Decoder): void
}
