/** The acts as a program of the C host: `host refusals.js ACT FOLDER`. */
import * as host from '../../../native/modules.ts'
import { act } from './acts.ts'

await act(host)
