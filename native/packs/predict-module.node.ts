/** Prediction for kernel modules, for the Node side. */
import { type Piece, type PlaceMap, put32, truth32, viewOf, wrapped } from './prediction.node.ts'

const SECTIONS_MAX = 4096
const CONTEXT = 8

type SectionKind = 'plain' | 'relocations' | 'types' | 'versions' | 'sums' | 'symbols'

interface Section {
  kind: SectionKind
  place: number
  size: number
  target: number
}

const ENTRY: Record<SectionKind, number> = {
  plain: 1,
  relocations: 24,
  types: 4,
  versions: 64,
  sums: 4,
  symbols: 24,
}

/** What numbers of one kind became: each by itself, and by how much those around it moved. */
class Shelf {
  private readonly lessons: Uint32Array
  private readonly shifts: Uint32Array | undefined

  constructor(
    private readonly lessonsLog: number,
    private readonly shiftsLog = 0,
    private readonly togetherLog = 0,
  ) {
    this.lessons = new Uint32Array(2 << lessonsLog)
    this.shifts = shiftsLog > 0 ? new Uint32Array(2 << shiftsLog) : undefined
  }

  private slot(key: number, log: number): number {
    return (Math.imul(key, 0x9e3779b1) >>> (32 - log)) * 2
  }

  guess(old: number): number {
    const slot = this.slot(old, this.lessonsLog)
    if (this.lessons[slot] === old) return this.lessons[slot + 1] as number
    const key = old >>> this.togetherLog
    const rough = this.slot(key, this.shiftsLog)
    if (this.shifts?.[rough] !== key) return old
    return wrapped(old + (this.shifts[rough + 1] as number))
  }

  teach(old: number, guess: number, truth: number): void {
    if (guess === truth) return
    this.lessons.set([old, truth], this.slot(old, this.lessonsLog))
    const key = old >>> this.togetherLog
    this.shifts?.set([key, wrapped(truth - old)], this.slot(key, this.shiftsLog))
  }
}

/** What the modules of a stretch teach each other. */
export class StretchLessons {
  readonly types = new Shelf(16, 14, 5)
  readonly sums = new Shelf(16)
}

export class ModulePredictor {
  private readonly view: DataView
  private readonly sections: Section[] = []
  private readonly sectionOfSymbol = new Map<number, number>()
  private readonly symbols = new Shelf(12, 12, 3)
  private readonly names = new Shelf(12, 12, 8)

  private constructor(
    private readonly base: Uint8Array,
    private readonly map: PlaceMap,
    private readonly stretch: StretchLessons,
  ) {
    this.view = viewOf(base)
  }

  /** Undefined: this is no module. */
  static of(base: Uint8Array, map: PlaceMap, stretch: StretchLessons): ModulePredictor | undefined {
    const predictor = new ModulePredictor(base, map, stretch)
    return predictor.readSections() ? predictor : undefined
  }

  private long(at: number): number {
    return Number(this.view.getBigUint64(at, true))
  }

  private readSections(): boolean {
    const { base, view } = this
    if (base.length < 64 || view.getUint32(0) !== 0x7f454c46) return false
    if (base[4] !== 2 || base[5] !== 1 || view.getUint16(16, true) !== 1) return false
    const headers = this.long(40)
    const [size, count, names] = [58, 60, 62].map((at) => view.getUint16(at, true)) as [
      number,
      number,
      number,
    ]
    if (size !== 64 || count > SECTIONS_MAX || names >= count) return false
    if (headers + count * 64 > base.length) return false
    const namesPlace = this.long(headers + names * 64 + 24)
    for (let i = 0; i < count; i++) this.addSection(headers + i * 64, namesPlace)
    const table = this.sections.filter(({ kind }) => kind === 'symbols').at(-1)
    if (table) this.noteSymbols(table)
    return true
  }

  private addSection(header: number, namesPlace: number): void {
    const { view } = this
    const type = view.getUint32(header + 4, true)
    const [place, size] = [this.long(header + 24), this.long(header + 32)]
    const inside = type !== 8 && place + size <= this.base.length
    const name = namesPlace + view.getUint32(header, true)
    const kind = type === 4 ? 'relocations' : type === 2 ? 'symbols' : this.kindOfName(name)
    const target = view.getUint32(header + 44, true)
    this.sections.push({ kind, place, size: inside ? size : 0, target })
  }

  private kindOfName(place: number): SectionKind {
    const bytes = this.base.subarray(Math.min(place, this.base.length), place + 12)
    const name = String.fromCharCode(...bytes)
    if (name.startsWith('.BTF\0')) return 'types'
    if (name.startsWith('__versions\0')) return 'versions'
    return name.startsWith('__kcrctab') ? 'sums' : 'plain'
  }

  private noteSymbols(table: Section): void {
    for (let i = 0; (i + 1) * 24 <= table.size; i++) {
      if (this.sectionOfSymbol.size === SECTIONS_MAX) return
      const at = table.place + i * 24
      if (((this.base[at + 4] as number) & 15) !== 3) continue
      this.sectionOfSymbol.set(i, this.view.getUint16(at + 6, true))
    }
  }

  private moved(section: number, offset: number): number {
    const { place, size } = this.sections[section] ?? { place: 0, size: 0 }
    if (section === 0 || size === 0) return offset
    return this.map.place(place + offset) - this.map.place(place)
  }

  predict(piece: Piece): void {
    const end = piece.oldPlace + piece.length
    for (const section of this.sections.slice(1)) {
      if (section.kind === 'plain' || section.size === 0) continue
      if (section.place >= end || section.place + section.size <= piece.oldPlace) continue
      const size = ENTRY[section.kind]
      const skipped = Math.max(0, Math.floor((piece.oldPlace - section.place) / size))
      let place = section.place + skipped * size
      for (; place + size <= section.place + section.size && place < end; place += size) {
        this.predictEntry(piece, section, place)
      }
    }
  }

  private predictEntry(piece: Piece, section: Section, place: number): void {
    const word = (offset: number) => new Word(piece, this.view, place + offset)
    if (section.kind === 'relocations') {
      this.predictRelocation(section, [word(0), word(12), word(16)])
    } else if (section.kind === 'symbols') {
      const [name, info, value] = [word(0), word(4), word(8)]
      if (name.old !== 0) name.putLearned(this.names)
      value.put(this.moved(info.old >>> 16, value.old))
    } else {
      const number = word(0)
      const { types, sums } = this.stretch
      if (number.old >= 2) number.putLearned(section.kind === 'types' ? types : sums)
    }
  }

  private predictRelocation(section: Section, words: [Word, Word, Word]): void {
    const [offset, symbol, addend] = words
    offset.put(this.moved(section.target, offset.old))
    symbol.putLearned(this.symbols)
    if (!addend.there || wrapped(addend.old + 16) <= 32) return
    const target = this.sectionOfSymbol.get(symbol.old) ?? 0
    if (target > 0) addend.put(this.moved(target, addend.old))
  }
}

/** A word of a piece. Its old value is known, too, if it is among the few bytes before the piece. */
class Word {
  readonly there: boolean
  readonly old: number
  private readonly at: number

  constructor(
    private readonly piece: Piece,
    view: DataView,
    place: number,
  ) {
    const start = piece.oldPlace
    const known = place + CONTEXT >= start && place + 4 <= start + piece.length
    this.there = known && place >= start
    this.old = known ? view.getUint32(place, true) : 0
    this.at = place - start
  }

  put(value: number): void {
    if (this.there) put32(this.piece, this.at, value)
  }

  putLearned(shelf: Shelf): void {
    if (!this.there) return
    const guess = shelf.guess(this.old)
    this.put(guess)
    shelf.teach(this.old, guess, truth32(this.piece, this.at))
  }
}
