/** Fails with a server and a connection open. */
import { type AddressInfo, connect, createServer } from 'node:net'
import * as assert from 'uvu/assert'
import { test } from '../../support/suite.ts'

test('expects too much of a server', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  connect((server.address() as AddressInfo).port, '127.0.0.1')
  assert.is(1 + 1, 3)
})
test.run()
