/**
 * Where everybody is: the school in the middle with its access points, and arms of houses around it, each
 * place one hop further out. The machines' spots are drawn from the seed.
 */

import { Place } from '../../runtime/emulator/radio/medium.ts'
import { Station } from '../../runtime/emulator/radio/mesh.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'

/** Between two places (m): most links between neighbours are of the slow class. */
const STEP_M = 60
/** How far from a place's middle its machines are: two places apart nobody hears anybody. */
const RADIUS_M = 15
const ARMS = 3

export interface Village {
  places: Place[]
  server: Station
  accessPoints: Station[]
  laptops: Station[]
}

interface Layout {
  laptops: number
  /** How many hops the outermost laptops are from an access point in the middle. */
  hops: number
  accessPoints: number
  seed: number
}

interface Middle {
  place: Place
  x: number
  y: number
}

/** The places, from the middle outwards. */
function middlesOf(hops: number): Middle[] {
  const school = { place: new Place(), x: 0, y: 0 }
  const middles = [school]
  for (let depth = 1; depth < hops; depth++) {
    for (let arm = 0; arm < ARMS; arm++) {
      const angle = (2 * Math.PI * arm) / ARMS
      const distanceM = depth * STEP_M
      const middle = {
        place: new Place(),
        x: distanceM * Math.cos(angle),
        y: distanceM * Math.sin(angle),
      }
      const inner = depth === 1 ? school : middles[middles.length - ARMS]
      inner?.place.nextTo(middle.place)
      middles.push(middle)
    }
  }
  return middles
}

export function layOut({ laptops, hops, accessPoints, seed }: Layout): Village {
  const random = new SeededRandom(seed, 'village')
  const middles = middlesOf(hops)
  const at = (number: number) => {
    const middle = middles[number % middles.length] as Middle
    const [angle, distanceM] = [2 * Math.PI * random.fraction(), RADIUS_M * random.fraction()]
    const [x, y] = [middle.x + distanceM * Math.cos(angle), middle.y + distanceM * Math.sin(angle)]
    return { place: middle.place, x, y }
  }
  return {
    places: middles.map(({ place }) => place),
    server: new Station('schoolserver', undefined, true),
    accessPoints: Array.from({ length: accessPoints }, (_, number) => {
      return new Station(`access-point-${number + 1}`, at(number), true)
    }),
    laptops: Array.from({ length: laptops }, (_, number) => {
      return new Station(`laptop-${number + 1}`, at(number))
    }),
  }
}
