/** Ed25519 (RFC 8032): what every statement is signed with. Pure: nothing is read, nothing is kept. */
declare module 'native:signatures' {
  /** True if the signature (64 bytes) of the message was made with this key (32 bytes). Never throws for bytes of these lengths. */
  export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** The signature, 64 bytes. The secret key is seed and public key, as signify has it: 64 bytes. */
  export function sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array
  /** The public key (32 bytes) of a seed (32 bytes). */
  export function publicKey(seed: Uint8Array): Uint8Array
}
