/** A manifest of many files, without a tree: for what has to hold however many entries there are. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from './scratch.ts'

/** Its path. The content of the file with the number `changed` is another one than without it. */
export function longManifest(count: number, changed?: number): string {
  const path = join(scratch(), 'manifest')
  const owner = 'uid=0 gid=0'
  let text = `#mtree v2.0\n. type=dir mode=0755 ${owner} time=1.0\n`
  for (let i = 0; i < count; i++) {
    const content = i === changed ? 'changed' : String(i)
    const digest = createHash('sha256').update(content).digest('hex')
    const name = `./f${String(i).padStart(7, '0')}`
    text += `${name} type=file mode=0644 ${owner} size=1 time=1.0 sha256digest=${digest}\n`
  }
  writeFileSync(path, text)
  return path
}
