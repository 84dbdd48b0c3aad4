import { MAX_WEB_HELD_ENTRIES, WEB_LISTING_MS } from '../../wire/limits.ts'
import { StorageError } from '../../wire/storage-error.ts'
import { formatNumber } from '../../wire/text.ts'
import type { ListedObject, ObjectPage } from './objects.ts'

/** The arguments of `Objects.list`. */
export interface Wanted {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** A walk, depth first: a stack of directories, each with its remaining entries in reverse order. */
export interface Walk<I> {
  readonly open: I[][]
  /** Milliseconds since 1970. */
  readonly begun: number
}

/** A walk, and the objects of its last page that belong to the next one. */
interface Resumed<W> {
  readonly walk: W
  readonly objects: ListedObject[]
}

/**
 * Keeps the walk of the last page of a store that lists directories, so that the next page goes on with it if
 * it comes soon.
 */
export function createWalkKeeper<W extends Walk<unknown>>() {
  let kept: (Resumed<W> & Pick<Wanted, 'prefix' | 'after'>) | null = null
  return {
    /** The walk whose last page contains `after`, or began after it; null when there is no such walk. */
    resume({ prefix, after }: Wanted): Resumed<W> | null {
      const held = kept
      if (held?.prefix !== prefix || Date.now() - held.walk.begun > WEB_LISTING_MS) return null
      const at = held.objects.findIndex(({ key }) => key === after)
      // A listing from the beginning is a new question, which earlier answers must not serve.
      if (at < 0 && (after === '' || held.after !== after)) return null
      // No other caller may continue it meanwhile.
      kept = null
      return { walk: held.walk, objects: held.objects.slice(at + 1) }
    },
    /** The page of these objects, of which those beyond the limit wait for the next. */
    toPage({ prefix, after, limit }: Wanted, { walk, objects }: Resumed<W>): ObjectPage {
      const isLast = walk.open.length === 0 && objects.length <= limit
      if (!isLast) kept = { walk, objects, prefix, after }
      return { objects: objects.slice(0, limit), isLast }
    },
  }
}

/** Enters a directory; throws `unreadable` when too many entries are held, as if `store` invents them. */
export function enter<I>(open: I[][], items: I[], store: string): void {
  const held = open.reduce((sum, { length }) => sum + length, items.length)
  if (held > MAX_WEB_HELD_ENTRIES) {
    const most = formatNumber(MAX_WEB_HELD_ENTRIES)
    const message = `${store} lists more than ${most} entries in directories inside each other`
    throw new StorageError('unreadable', message, { reason: 'http_response_body_size' })
  }
  open.push(items)
}
