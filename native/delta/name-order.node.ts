/** The order of names in a file list, on the Node side: rsync flist.c f_name_cmp, from protocol 29 on. */

/** A number and a text for each component. */
type OrderKey = [number, string][]

export function keyOf(name: string, dir: boolean): OrderKey {
  const components = name.split('/')
  const last = components.pop() as string
  const key = components.map((component): [number, string] => [1, `${component}/`])
  if (!dir) key.push([0, last])
  else if (last === '.') key.push([-1, ''])
  else key.push([1, `${last}/`])
  return key
}

export function compareKeys(one: OrderKey, other: OrderKey): number {
  for (let i = 0; i < one.length && i < other.length; i++) {
    const [a, b] = [one[i] as [number, string], other[i] as [number, string]]
    if (a[0] !== b[0]) return a[0] - b[0]
    if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1
  }
  return one.length - other.length
}
