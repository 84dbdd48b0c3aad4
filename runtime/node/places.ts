import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Places } from '../../functions/storage/overlap.ts'
import type { Send } from '../../functions/storage/remote.ts'
import { readText, toChunks } from '../../functions/storage/streams.ts'
import { SILENCE_MS } from '../../functions/wire/limits.ts'
import { parseJson } from '../../functions/wire/parse.ts'
import { readiness } from '../../functions/wire/schemas.ts'
import { MAX_PLACES_BYTES } from './limits.ts'

/**
 * The places of the directory at `path` (absolute), of which `lineage` is as `readLineage` returns it: on this machine, by
 * device and inode, whatever path leads there. Null is one that gave no answer, which only its path tells from others, and
 * only within this process: another may see another directory there.
 */
export function toDirectoryPlaces(path: string, lineage: readonly string[] | null): Places {
  const paths = [path]
  for (let at = path; at !== dirname(at); at = dirname(at)) paths.push(dirname(at))
  const [byPath, byLineage] = [
    paths.map((at) => `${PROCESS} ${at}`),
    (lineage ?? []).map((place) => `${getMachine()} ${place}`),
  ]
  return {
    self: [...byPath.slice(0, 1), ...byLineage.slice(0, 1)],
    above: [...byPath.slice(1), ...byLineage.slice(1)],
  }
}

const PROCESS = randomUUID()

let machine: string | undefined

/** The same in all processes of one machine until it starts again, where the system tells; else this process alone. */
function getMachine(): string {
  machine ??= readBootId() ?? randomUUID()
  return machine
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}

/** Places as a replica server tells them to coordinators: words that hold no path, device or bucket. */
export function hidePlaces({ self, above }: Places): Places {
  return { self: self.map(hide), above: above.map(hide) }
}

function hide(place: string): string {
  return createHash('sha256').update(place).digest('hex').slice(0, 32)
}

/** How a replica server is asked for its places. */
export interface AskPlacesOptions {
  readonly send: Send
  readonly token?: (() => string) | undefined
  /** Milliseconds that the answer may take; `SILENCE_MS` when absent. */
  readonly silence?: number | undefined
}

/**
 * The places that the replica server at `url` reports, as `hidePlaces` makes them. None where it does not answer in time,
 * or reports none.
 */
export async function askPlaces(url: string, options: AskPlacesOptions): Promise<Places> {
  const { send, token, silence = SILENCE_MS } = options
  try {
    const headers = {
      'Accept-Encoding': 'identity',
      ...(token && { Authorization: `Bearer ${token()}` }),
    }
    const init = {
      headers,
      redirect: 'manual',
      duplex: 'half',
      signal: AbortSignal.timeout(silence),
    } as const
    const reply = await send(`${url.replace(/\/+$/, '')}/readyz`, init)
    const text = reply.body === null ? '' : await readText(toChunks(reply.body), MAX_PLACES_BYTES)
    const parsed = parseJson(readiness, text ?? '')
    return (parsed.success && parsed.output.places) || NO_PLACES
  } catch {
    // What keeps it from answering is reported by what is asked of it afterwards.
    return NO_PLACES
  }
}

const NO_PLACES: Places = { self: [], above: [] }
