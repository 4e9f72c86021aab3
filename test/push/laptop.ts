/**
 * A laptop that hears pushes, as a process of its own for a network namespace: a line of JSON for
 * each hint. `node laptop.js PUBLIC-KEY INSTALLED [PORT]`
 */
import { readFileSync } from 'node:fs'
import { PushListener } from '../../src/push/listen.ts'
import { PUSH_PORT } from '../../src/push/upgrade-now.ts'
import { readPublicKey } from '../../src/release/signify.ts'
import { nodeHost } from '../support/host.ts'
import { signing } from '../support/signing.ts'

const [publicKey = '', running = '', port = PUSH_PORT] = process.argv.slice(2)
const yesterday = Date.now() / 1000 - 86_400
const listener = new PushListener(nodeHost(), {
  port: Number(port),
  keys: [readPublicKey(signing, readFileSync(publicKey, 'latin1'))],
  situation: () => ({
    running: Number(running),
    deployment: 'any',
    trustedSeconds: yesterday,
    pushSeconds: 0,
  }),
  spreadSeconds: 300,
})
process.stdout.write('{"listening":true}\n')
for (;;) process.stdout.write(`${JSON.stringify(await listener.next())}\n`)
