/**
 * `npm run deployment`: tells the story of a whole deployment while it happens, on emulated laptops if
 * network namespaces are not allowed or if somebody asks for that.
 */
import { kindOf } from './network.ts'
import { Story } from './story.ts'

export async function main(options: { emulated?: boolean }): Promise<void> {
  const kind = kindOf(options)
  if (kind === 'emulated')
    console.log('The laptops are emulated, and the servers stand on loopback.')
  const story = await Story.begin(kind, ({ who, what }) =>
    console.log(`${who.padEnd(12)}  ${what}`),
  )
  try {
    await story.happen()
  } finally {
    story.close()
  }
}
