/**
 * The project's documents, and what they show: their fenced blocks, each with the test that runs it
 * (`<!-- tested: FILE -->` on the line above), and the command lines in their text. A test takes its
 * blocks from a `Page`, which knows at the end whether one was left.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

/** Where documents are; those of `test/` are for whoever works there. */
const FOLDERS = ['.', 'docs', 'firmware', 'tools', '.github']

export interface Block {
  page: string
  line: number
  /** Undefined for what is only to be read: a listing, a form. */
  language: string | undefined
  text: string
  /** The test that runs it. */
  test: string | undefined
}

export function documents(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: folder !== '.' && folder !== 'tools', encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ).sort()
}

export function blocksOf(page: string): Block[] {
  return blocksIn(readFileSync(page, 'utf8'), page)
}

export function blocksIn(document: string, page: string): Block[] {
  const fence = /^( *)```(\w*)\n(.*?)^ *```$/gms
  return [...document.matchAll(fence)].map((found) => {
    const [, indent = '', language = '', text = ''] = found
    const before = document.slice(0, found.index)
    const test = /<!-- tested: (\S+) -->\n$/.exec(before)?.[1]
    return {
      page,
      line: before.split('\n').length,
      language: language || undefined,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      test,
    }
  })
}

/** The text without its fenced blocks, whose lines stay as empty ones. */
export function proseOf(document: string): string {
  return document.replaceAll(/^ *```\w*\n.*?^ *```$/gms, (block) => block.replaceAll(/[^\n]/g, ''))
}

/** The blocks of a document that one test file runs. */
export class Page {
  readonly #blocks: Block[]
  readonly #own: Block[]
  readonly #taken = new Set<Block>()

  constructor(page: string, test: string) {
    this.#blocks = blocksOf(page)
    this.#own = this.#blocks.filter((block) => block.test === test)
  }

  /** The one block of a language that contains a text, whoever else runs it. */
  block(language: string, holds: string): string {
    const found = this.#blocks.filter(
      (block) => block.language === language && block.text.includes(holds),
    )
    assert.is(found.length, 1, `blocks of ${language} that hold "${holds}"`)
    return this.#take(found[0])
  }

  /** The next one on the page, which must begin like this. */
  next(language: string, begins = ''): string {
    const block = this.#own.find((one) => !this.#taken.has(one))
    assert.is(block?.language, language)
    assert.ok(block?.text.startsWith(begins), `${block?.text} does not begin with "${begins}"`)
    return this.#take(block)
  }

  /** Where the blocks begin that nobody took. */
  left(): string[] {
    return this.#own.filter((block) => !this.#taken.has(block)).map(place)
  }

  #take(block: Block | undefined): string {
    assert.ok(block)
    this.#taken.add(block as Block)
    return (block as Block).text
  }
}

export const place = ({ page, line, text }: Block) =>
  `${page}:${line} (${text.split('\n')[0]?.slice(0, 60)})`
