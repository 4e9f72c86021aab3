/** What is yet to happen, the earliest first; of two at one time the one that was asked for first. */

interface Item {
  at: number
  order: number
}

/** A binary heap. */
export class Earliest<T> {
  readonly #items: (Item & { of: T })[] = []
  #made = 0

  get size(): number {
    return this.#items.length
  }

  /** When the first is due; Infinity where there is none. */
  get at(): number {
    return this.#items[0]?.at ?? Infinity
  }

  get first(): T | undefined {
    return this.#items[0]?.of
  }

  add(at: number, of: T): void {
    const item = { at, order: this.#made++, of }
    const items = this.#items
    let place = items.length
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = items[above]
      if (other === undefined || !isBefore(item, other)) break
      items[place] = other
      place = above
    }
    items[place] = item
  }

  take(): T | undefined {
    const items = this.#items
    const [first] = items
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first?.of
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      const [left, right] = [items[below], items[below + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) below++
      const smaller = items[below]
      if (smaller === undefined || !isBefore(smaller, last)) break
      items[place] = smaller
      place = below
    }
    items[place] = last
    return first.of
  }
}

function isBefore(one: Item, other: Item): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
