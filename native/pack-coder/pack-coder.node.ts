/**
 * native:pack-coder where it is not: on Node, in the emulator, and in the device's own programs. Packs are made
 * by the publisher's program alone.
 */
import type { PackCoder } from '../../src/host.ts'

export const packCoder: PackCoder = { encodeFiles: undefined, compressFrame: undefined }
