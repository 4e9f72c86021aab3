/**
 * What native:packs promises about prediction: that both sides predict the same, as the publisher's coder does, since what
 * comes out is compared with digests that are written down here. Host-neutral.
 */
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import {
  type BlockWords,
  blockWords,
  byte,
  FLAG,
  frame,
  KIND,
  type Part,
  packOf,
  sameManifest,
  section,
  signed,
} from '../support/pack-bytes.ts'
import { suite } from '../support/suite.ts'
import { PackKit } from './pack-kit.ts'
import { randomBytes, randomNumbers } from './sample-bytes.ts'
import { SAMPLE_MOVES, sampleElf, sampleModule } from './sample-elf.ts'

interface Sample {
  base: Uint8Array
  flags: number
  shape?: number[]
}

/** How a file is made of pieces of a base with something in between, in order, but for one. */
class Sections {
  readonly blocks: BlockWords[] = []
  readonly gaps: number[] = []
  readonly fixes: number[] = []
  text = 0
  size = 0

  constructor(base: Uint8Array, seed: number) {
    const next = randomNumbers(seed)
    for (let old = 0; old < base.length; ) {
      const length = Math.min(base.length - old, 1 + next(9000))
      const text = next(3) === 0 ? 8 * next(9) : 0
      this.add({ text, length, old, main: next(5) > 0 })
      old += length
    }
    this.add({ text: 3, length: 5000, old: 0x1200, main: false })
    const bytes = this.size - this.text
    let at = 0
    for (let gap = next(50); at + gap < bytes; gap = next(50)) {
      this.gaps.push(gap)
      this.fixes.push(1 + next(255))
      at += gap + 1
    }
    this.gaps.push(bytes - at)
  }

  private add(block: BlockWords): void {
    this.blocks.push(block)
    this.text += block.text
    this.size += block.text + block.length
  }
}

export function packsPredictionContract(name: string, host: Host, scratch: Path): void {
  const kit = new PackKit(host, scratch)
  const test = suite(name)

  /** What comes out of these bases, one record each, with random fixes. */
  function digests(samples: Sample[]): string[] {
    const control: Part[] = []
    const gaps: number[] = []
    const fixes: number[] = []
    let text = 0
    const old: Record<string, Uint8Array> = {}
    const made: Record<string, Uint8Array> = {}
    samples.forEach(({ base, flags, shape }, i) => {
      const sections = new Sections(base, i + 1)
      const moves = shape ? [(shape.length - 2) / 4, ...shape.map(signed)] : []
      control.push(1, byte(FLAG.base | flags), signed(0), ...moves, ...blockWords(sections.blocks))
      gaps.push(...sections.gaps)
      fixes.push(...sections.fixes)
      text += sections.text
      old[`f${i}`] = base
      made[`f${i}`] = new Uint8Array(sections.size)
    })
    const bytes = frame(KIND.files, {
      control: section(...control),
      gaps: section(...gaps),
      fixes: Uint8Array.from(fixes),
      text: randomBytes(text, 7),
    })
    const pack = packOf([sameManifest(2 + samples.length)], [{ bytes, entry: 1 }])
    return kit
      .take(pack, old, made)
      .map(({ outcome }) => ('digest' in outcome ? outcome.digest : outcome.reason))
  }

  const elf = (is64: boolean, seed = 1): Sample => ({
    base: sampleElf(seed, is64),
    flags: FLAG.elf,
    shape: SAMPLE_MOVES,
  })

  test('x86-64: calls, operands, words and unwind tables', () => {
    assert.equal(digests([elf(true)]), [
      'c4b4ab603a8a0c9ac28093120b22d529ebe2fd99e9ab324831a2503bc3d96ff0',
    ])
  })

  test('i386: the same, and what counts from the GOT', () => {
    assert.equal(digests([elf(false)]), [
      'd7785d72c745934fc9cffe59be89019da7f85fba7ebb6d65e2623a601acb7140',
    ])
  })

  test('modules, of which the later ones learn from the earlier', () => {
    const module = { base: sampleModule(1), flags: FLAG.module }
    const taught = digests([module, module])
    assert.equal(taught, [
      '30ad77c04c22caf044ee0e6d3b7b739e40fcd1d01e5a1ef58d35f0f2592ca6a6',
      '573d2a88535036843c307af583df22ca3983fb9acfea9a61fca784dec7b3ebd6',
    ])
    const untaught = digests([{ ...module, flags: 0 }, module])
    assert.is.not(untaught[1], taught[1])
  })

  test('without prediction it is another file', () => {
    const { base } = elf(true)
    assert.equal(digests([{ base, flags: 0 }]), [
      'ce626143da71ae56a74211e16585762a9562f262f915180e4968555387f2c569',
    ])
  })

  test('a base that is no program or module fails its file alone', () => {
    const reason = 'it is no program or module as expected'
    const text = { base: randomBytes(20_000, 3), flags: FLAG.elf, shape: SAMPLE_MOVES }
    const [first, second, third] = digests([
      text,
      { base: randomBytes(20_000, 3), flags: FLAG.module },
      { ...elf(true), shape: SAMPLE_MOVES.slice(4) },
    ])
    assert.equal([first, second, third], [reason, reason, reason])
  })

  test('broken headers of a base do no harm', () => {
    const next = randomNumbers(9)
    for (let i = 0; i < 60; i++) {
      const is64 = i % 3 !== 0
      const base = i % 3 === 2 ? sampleModule(i) : sampleElf(i, is64)
      const from = i % 3 === 2 && i % 2 === 0 ? base.length - 640 : 0
      for (let j = 0; j < 3; j++) base[from + 4 + next(i % 2 === 0 ? 300 : 60)] = next(256)
      const flags = i % 3 === 2 ? FLAG.module : FLAG.elf
      const shape = i % 3 === 2 ? {} : { shape: SAMPLE_MOVES }
      assert.match(
        digests([{ base, flags, ...shape }])[0] as string,
        /^([0-9a-f]{64}|it is no .*)$/,
      )
    }
  })

  test.run()
}
