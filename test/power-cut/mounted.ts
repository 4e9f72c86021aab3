/** Two disks in one machine: the laptop's, and a stick that is mounted in it. */
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import type { Fd, Files } from '../../src/host.ts'

/** Where the stick is. */
export const STICK = '/media/stick'

/** Handles of the stick begin here. */
const FIRST_OF_STICK = 100_000

/** Which words of a call are handles, if it is not only the first. */
const HANDLES: Partial<Record<keyof Files, number[]>> = {
  makeLink: [1],
  hardLink: [0, 2],
  copyFile: [0, 2],
  rename: [0, 2],
  exchange: [0, 2],
}

type Call = (...words: unknown[]) => unknown

export function mounted(laptop: Files, stick: Files): Files {
  const calls = Object.keys(laptop).map((name) => {
    const call = name as keyof Files
    const opensByPath = call === 'openRoot' || call === 'openFile'
    return [call, opensByPath ? byPath(call) : byHandle(call)]
  })
  return Object.fromEntries(calls) as Files

  function byPath(call: 'openRoot' | 'openFile'): Call {
    return (path) => {
      const text = path as string
      if (!text.startsWith(STICK)) return laptop[call](text)
      return stick[call](text.slice(STICK.length) || '/') + FIRST_OF_STICK
    }
  }

  function byHandle(call: keyof Files): Call {
    const places = HANDLES[call] ?? [0]
    const opens = /^(open|createFile)/.test(call)
    return (...words) => {
      const onStick = places.filter((place) => (words[place] as Fd) >= FIRST_OF_STICK)
      if (onStick.length === 0) return (laptop[call] as Call)(...words)
      if (onStick.length < places.length) throw systemError(call, undefined, 'EXDEV')
      for (const place of places) words[place] = (words[place] as Fd) - FIRST_OF_STICK
      const result = (stick[call] as Call)(...words)
      return opens ? (result as Fd) + FIRST_OF_STICK : result
    }
  }
}
