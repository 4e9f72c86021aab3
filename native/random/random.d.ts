/** Random bytes, for nonces and names. */
declare module 'native:random' {
  /** From the kernel (getrandom(2)); never fewer than asked for. */
  export function randomBytes(length: number): Uint8Array
}
