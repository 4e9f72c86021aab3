/**
 * Calls one function of one tool and prints what it returns as JSON; what a person would see goes to
 * stderr, and a failure ends it as it ends the tools.
 */
interface Call {
  tool: string
  name: string
  words: unknown[]
  here: Record<string, unknown>
}

interface Tools {
  runTool(main: () => Promise<void>): Promise<void>
}

// The tools are plain JavaScript, outside what the tests compile.
const tools = new URL('../../../../tools/', import.meta.url).href
const { tool, name, words, here } = JSON.parse(process.argv[2] ?? '') as Call
const { runTool } = (await import(`${tools}workplace.mjs`)) as Tools
const say = (line: string) => process.stderr.write(`${line}\n`)

await runTool(async () => {
  const functions = (await import(`${tools}${tool}`)) as Record<
    string,
    (...all: unknown[]) => unknown
  >
  const given = words.map((word) => (word === '{here}' ? { ...here, say } : word))
  const value = await functions[name]?.(...given)
  process.stdout.write(JSON.stringify(value ?? null))
})
