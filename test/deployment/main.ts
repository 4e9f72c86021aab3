/** `npm run deployment`: tells the story of a whole deployment while it happens. */
import { Story } from './story.ts'

const story = new Story(({ who, what }) => console.log(`${who.padEnd(12)}  ${what}`))
try {
  await story.happen()
} finally {
  story.close()
}
