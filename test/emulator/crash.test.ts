/** The crash model itself: what must survive does, what may be lost can be, and nothing else happens. */

import * as assert from 'uvu/assert'
import { type CrashModel, Medium } from '../../runtime/emulator/disk/crash.ts'
import { enumerate } from '../../runtime/emulator/disk/crash-choices.ts'
import { digestOf } from '../../runtime/emulator/disk/digest.ts'
import { ROOT } from '../../runtime/emulator/disk/inodes.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import type { Files } from '../../src/host.ts'
import { replaceFile } from '../../src/small-file.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { test } from '../support/suite.ts'

const MODELS: CrashModel[] = ['ordered', 'weak']

function write(files: Files, fd: number, text: string): void {
  files.write(fd, arrayOfBytes(text), 0, text.length)
}

/** Every name with its content, as texts, in each of the states that a cut after `act` may leave. */
function statesAfter(
  model: CrashModel,
  act: (files: Files, root: number) => void,
  prepare: (files: Files, root: number) => void = () => {},
): Set<string> {
  const disk = new VirtualDisk()
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  prepare(files, root)
  const medium = new Medium(disk, model)
  disk.before = (operation) => medium.take(operation)
  act(files, root)
  const { choices, possible } = enumerate(medium, 5000, new SeededRandom(1))
  assert.is(choices.length, possible)
  return new Set(choices.map((choice) => show(medium.crash(choice))))
}

function show(disk: VirtualDisk): string {
  const files = virtualFiles(disk)
  const texts: string[] = []
  const walk = (root: number) => {
    for (const name of files.readDirectory(root, '.')) {
      if (files.stat(root, name)?.type === 'dir') {
        texts.push(`${name}/`)
        walk(files.openDirectory(root, name))
        continue
      }
      const fd = files.openRead(root, name)
      const buffer = new Uint8Array(100)
      texts.push(`${name}=${bytesOfArray(buffer.subarray(0, files.read(fd, buffer, 0, 100)))}`)
    }
  }
  walk(files.openRoot('/'))
  return texts.join(' ')
}

const sorted = (set: Set<string>) => [...set].sort()

for (const model of MODELS) {
  test(`${model}: a new file that nobody synced may be there, torn, zeros, empty or missing`, () => {
    const states = statesAfter(model, (files, root) => {
      write(files, files.createFile(root, 'a', 0o600), 'abcd')
    })
    assert.equal(sorted(states), ['', 'a=', 'a=\0\0\0\0', 'a=ab', 'a=abcd'])
  })

  test(`${model}: after syncfs there is one state only`, () => {
    const states = statesAfter(model, (files, root) => {
      write(files, files.createFile(root, 'a', 0o600), 'abcd')
      files.makeDirectory(root, 'd', 0o755)
      files.rename(root, 'a', root, 'd/b')
      files.syncFileSystem(root)
    })
    assert.equal(sorted(states), ['d/ b=abcd'])
  })

  test(`${model}: a file that is replaced the right way is the old or the new one`, () => {
    const states = statesAfter(
      model,
      (files, root) => replaceFile(files, root, 'state', arrayOfBytes('new')),
      (files, root) => replaceFile(files, root, 'state', arrayOfBytes('old')),
    )
    assert.equal(sorted(states), ['state=new'])
    const before = statesAfter(
      model,
      (files, root) => {
        const fd = files.createFile(root, 'state.new', 0o600)
        write(files, fd, 'new')
        files.sync(fd)
        files.rename(root, 'state.new', root, 'state')
      },
      (files, root) => replaceFile(files, root, 'state', arrayOfBytes('old')),
    )
    const old =
      model === 'weak' ? ['state=old', 'state=old state.new=new'] : ['state=old state.new=new']
    assert.equal(sorted(before), ['state=new', ...old].sort())
  })

  test(`${model}: without fsync before the rename the file may be empty`, () => {
    const states = statesAfter(model, (files, root) => {
      write(files, files.createFile(root, 'state.new', 0o600), 'new')
      files.rename(root, 'state.new', root, 'state')
      files.sync(root)
    })
    assert.equal(sorted(states), ['state=', 'state=\0\0\0', 'state=n', 'state=new'])
  })

  test(`${model}: exchange is all or nothing`, () => {
    const put = (files: Files, root: number) => {
      for (const name of ['a', 'b']) {
        files.makeDirectory(root, name, 0o755)
        write(files, files.createFile(root, `${name}/${name}1`, 0o600), name)
      }
    }
    const states = statesAfter(model, (files, root) => files.exchange(root, 'a', root, 'b'), put)
    assert.equal(sorted(states), ['a/ a1=a b/ b1=b', 'a/ b1=b b/ a1=a'])
  })
}

test('ordered: metadata survives up to a moment; weak: in any order', () => {
  const act = (files: Files, root: number) => {
    files.makeDirectory(root, 'a', 0o755)
    files.makeDirectory(root, 'b', 0o755)
  }
  assert.equal(sorted(statesAfter('ordered', act)), ['', 'a/', 'a/ b/'])
  assert.equal(sorted(statesAfter('weak', act)), ['', 'a/', 'a/ b/', 'b/'])
})

test('ordered: any sync commits the journal; weak: fsync of a file keeps no name', () => {
  const act = (files: Files, root: number) => {
    const fd = files.createFile(root, 'a', 0o600)
    write(files, fd, 'x')
    files.sync(fd)
  }
  assert.equal(sorted(statesAfter('ordered', act)), ['a=x'])
  assert.equal(sorted(statesAfter('weak', act)), ['', 'a=x'])
})

test('jffs2: a rename may leave both names, of a directory as well', () => {
  const states = statesAfter(
    'jffs2',
    (files, root) => {
      files.rename(root, 'a', root, 'b')
      files.rename(root, 'd', root, 'e')
    },
    (files, root) => {
      write(files, files.createFile(root, 'a', 0o600), 'x')
      files.makeDirectory(root, 'd', 0o755)
    },
  )
  const between = ['a=x b=x d/', 'b=x d/', 'b=x d/ e/']
  assert.equal(sorted(states), [...between, 'a=x d/', 'b=x e/'].sort())
})

test('jffs2: who syncs after a rename has one name', () => {
  const states = statesAfter('jffs2', (files, root) => {
    files.makeDirectory(root, 'd', 0o755)
    files.rename(root, 'd', root, 'e')
    files.sync(root)
  })
  assert.equal(sorted(states), ['e/'])
})

test('weak: fsync of a directory keeps what a rename did elsewhere, and what came before it', () => {
  const states = statesAfter('weak', (files, root) => {
    files.makeDirectory(root, 'd', 0o755)
    files.sync(root)
    files.makeDirectory(root, 'x', 0o755)
    files.makeDirectory(root, 'y', 0o755)
    files.rename(root, 'x', root, 'd/x')
    const d = files.openDirectory(root, 'd')
    files.sync(d)
  })
  assert.equal(sorted(states), ['d/ x/', 'd/ x/ y/'])
})

test('weak: an early write may be lost where a late one survives', () => {
  const states = statesAfter('weak', (files, root) => {
    const fd = files.createFile(root, 'a', 0o600)
    files.sync(root)
    write(files, fd, 'ab')
    write(files, fd, 'cd')
  })
  assert.ok(states.has('a=\0\0cd') && states.has('a=ab\0\0') && states.has('a=abc'))
})

test('what can be told apart has another digest, and a crash state stays what it was', () => {
  const disk = new VirtualDisk()
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  const fd = files.createFile(root, 'a', 0o600)
  write(files, fd, 'one')
  const one = digestOf(disk.table, ROOT)
  assert.is(digestOf(disk.snapshot().table, ROOT), one)
  write(files, fd, 'two')
  const two = digestOf(disk.table, ROOT)
  assert.is.not(two, one)
  files.hardLink(root, 'a', root, 'b')
  assert.is.not(digestOf(disk.table, ROOT), two)
})

test.run()
