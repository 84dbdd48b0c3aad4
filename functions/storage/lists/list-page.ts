import { compareNames, findFault, RESERVED } from '../names.ts'
import type { Entry, ListOptions } from '../storage.ts'
import { createPageBuilder } from '../survey/page-builder.ts'
import type { List } from './list.ts'
import { toFaultText } from './list-record.ts'
import type { Fault } from './reading.ts'

/** An entry, and its place in the list. */
export interface Placed extends Entry {
  readonly place: number
}

/** A page of a listing, as `Storage.list` promises it. */
export function toPage(
  { sums, passed, faults }: List,
  { prefix = '', after = '', limit, isCounted = () => true }: ListOptions,
) {
  const page = createPageBuilder<Placed>(limit)
  // They may be of any name, so that they come before the first.
  if (after === '') for (let i = 0; i < faults.count; i++) page.pass('other', toExampleOf(faults.first[i]))
  const others = passed.filter(({ name }) => name.startsWith(prefix) && compareNames(name, after) > 0)
  let next = 0
  const passBefore = (name: string | null) => {
    for (let one = others[next]; one !== undefined; one = others[++next]) {
      if (name !== null && compareNames(one.name, name) > 0) return
      if (isCounted(one.name) && !isOwn(one.name)) page.pass(one.kind, one.name)
    }
  }
  let place = sums.findPlace(compareNames(prefix, after) > 0 ? prefix : after)
  if (place < sums.count && sums.nameAt(place) === after) place++
  for (; place < sums.count; place++) {
    const name = sums.nameAt(place)
    if (!name.startsWith(prefix)) break
    passBefore(name)
    const fault = findFault(name)
    if (fault === null) {
      const entry = { name, size: sums.sizeAt(place), modified: sums.modifiedAt(place), place }
      if (!page.add(entry)) return page.end()
    } else if (!isOwn(name) && isCounted(name)) page.pass(fault, name)
  }
  passBefore(null)
  return page.end()
}

/** Whether it lies in what vouch keeps for itself. */
function isOwn(name: string): boolean {
  return name.startsWith(`${RESERVED}/`)
}

function toExampleOf(fault: Fault | undefined): string {
  return fault === undefined ? '' : toFaultText(fault)
}
