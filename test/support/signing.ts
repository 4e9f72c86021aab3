/** What keys are made and read with in tests: see KeyModules of signify.ts. */
import { makeChecksums } from '../../native/checksums/checksums.node.ts'
import { files } from '../../native/files/files.node.ts'
import { random } from '../../native/random/random.node.ts'
import { signatures } from '../../native/signatures/signatures.node.ts'

export const signing = { signatures, checksums: makeChecksums(files), random }
