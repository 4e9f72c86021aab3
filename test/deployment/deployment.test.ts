// deadline: 20 minutes
/** A whole deployment: to each laptop happened what should have, in order. Needs root. */
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { needNamespaces } from '../support/needs.ts'
import { run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { kindOf } from './network.ts'
import { type Line, Story } from './story.ts'

/** What must be among a machine's lines, in this order. */
const EXPECTED: Record<string, RegExp[]> = {
  amina: [
    /installed version 41/,
    /exit 75: .*schoolserver.* has no 42.*before upstream/,
    /schoolserver.*trying the next source/,
    /exit 0: staged/,
    /Version 42 is on trial: boot 1/,
    /confirms version 42/,
    /a push for version 43/,
    /confirms version 43/,
    /stay: Version 43 runs/,
  ],
  babu: [/installed version 41/, /lock out: .*stolen/],
  chidi: [/installed version 41/, /stay: Version 41 runs, as the home server wants it/],
  dalia: [
    /staged: version 42/,
    /Version 42 is on trial: boot 3/,
    /Version 42 was started 3 times and never became healthy/,
    /starts: Version 41/,
    /stay: Version 42, .*, never became healthy here/,
    /a push for version 43/,
    /confirms version 43/,
  ],
  emeka: [
    /installed version 41/,
    /daemon: waiting, because of the start/,
    /a push for version 43/,
    /confirms version 43/,
  ],
  schoolserver: [/mirrors/, /mirrors/, /dies in the middle/],
  upstream: [/publishes version 41/, /publishes version 42/, /publishes version 43/],
  home: [
    /pushes version 43/,
    /5 laptops have called/,
    /3 run version 43/,
    /Rolled back: 1/,
    /dalia/,
    /Stolen: 1/,
    /babu/,
  ],
}

for (const kind of ['namespaces', 'emulated'] as const) {
  test(`one deployment (${kind}), from the first systems to a push, with all that goes wrong between`, async () => {
    if (kind === 'namespaces') needNamespaces()
    const story = await Story.begin(kind, () => {})
    try {
      await story.happen()
    } finally {
      story.close()
    }
    for (const [who, wanted] of Object.entries(EXPECTED)) holdsInOrder(story.lines, who, wanted)
  })
}

test('where no namespaces are allowed, the laptops are emulated', () => {
  const module = fileURLToPath(new URL('network.js', import.meta.url))
  const script = `import(${JSON.stringify(module)}).then(({ kindOf }) => console.log(kindOf({})))`
  // Root without capabilities, as in most containers.
  const dropped = ['--inh-caps=-all', '--bounding-set=-all', process.execPath, '-e', script]
  const { status, stdout, stderr } = run('setpriv', dropped)
  assert.is(status, 0, stderr)
  assert.is(stdout, 'emulated\n')
  assert.is(kindOf({ emulated: true }), 'emulated')
})

function holdsInOrder(lines: readonly Line[], who: string, wanted: RegExp[]): void {
  const said = lines.filter((line) => line.who === who).map((line) => line.what)
  let from = 0
  for (const pattern of wanted) {
    const found = said.findIndex((what, index) => index >= from && pattern.test(what))
    if (found < 0) assert.unreachable(`${who} did not say ${pattern}:\n${said.join('\n')}`)
    from = found + 1
  }
}

test.run()
