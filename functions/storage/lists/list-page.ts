import { compareNames, findFault, isReserved } from '../names.ts'
import type { Entry, ListOptions } from '../storage.ts'
import { createPageBuilder } from '../survey/page-builder.ts'
import type { List } from './list.ts'
import { toFaultText } from './list-record.ts'
import type { Fault, PassedEntry } from './reading.ts'

/** An entry, and its place in the list. */
export interface Placed extends Entry {
  readonly place: number
}

/** A page of a listing, as `Storage.list` promises it. */
export function toPage(
  { sums, passed, unnamed, faults }: List,
  { prefix = '', after = '', limit, isCounted = () => true }: ListOptions,
) {
  const page = createPageBuilder<Placed>(limit)
  // They may be of any name, so that they come before the first.
  if (after === '') {
    for (let i = 0; i < faults.count; i++) page.pass('other', toExampleOf(faults.first[i]))
    page.passAll([...unnamed].map(([kind, count]) => ({ kind, count, examples: [] })))
  }
  let next = findNext(passed, { prefix, after })
  const passBefore = (name: string | null) => {
    for (let one = passed[next]; one?.name.startsWith(prefix); one = passed[++next]) {
      if (name !== null && compareNames(one.name, name) > 0) return
      if (isCounted(one.name) && !isReserved(one.name)) page.pass(one.kind, one.name)
    }
  }
  let place = sums.findPlace(compareNames(prefix, after) > 0 ? prefix : after)
  if (place < sums.count && sums.nameAt(place) === after) place++
  for (; place < sums.count; place++) {
    const name = sums.nameAt(place)
    if (!name.startsWith(prefix)) break
    const fault = findFault(name)
    if (fault === null) {
      // Not for others: names that are not valid may be in another order.
      passBefore(name)
      const entry = { name, size: sums.sizeAt(place), modified: sums.modifiedAt(place), place }
      if (!page.add(entry)) return page.end()
    } else if (!isReserved(name) && isCounted(name)) page.pass(fault, name)
  }
  passBefore(null)
  return page.end()
}

/** The place of the first entry after `after` that may have the prefix. */
function findNext(
  passed: readonly PassedEntry[],
  { prefix, after }: { readonly prefix: string; readonly after: string },
): number {
  const isBefore = (name: string) => compareNames(name, after) <= 0 || compareNames(name, prefix) < 0
  let [low, high] = [0, passed.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(passed[middle]?.name ?? '')) low = middle + 1
    else high = middle
  }
  return low
}

function toExampleOf(fault: Fault | undefined): string {
  return fault === undefined ? '' : toFaultText(fault)
}
