/** The acts as a program of Node: `node node.js ACT FOLDER`. */
import { nodeHost } from '../../support/host.ts'
import { act } from './acts.ts'

await act(nodeHost())
