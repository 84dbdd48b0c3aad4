import { hash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { readText, toChunks } from '../../functions/bytes/chunks.ts'
import type { Places } from '../../functions/storage/overlap.ts'
import type { Send } from '../../functions/storage/remote/remote.ts'
import { attempt } from '../../functions/wire/attempt.ts'
import { parseJson } from '../../functions/wire/json/parse.ts'
import { SILENCE_MS } from '../../functions/wire/limits.ts'
import { readiness } from '../../functions/wire/schemas/health.ts'
import { MAX_PLACES_BYTES } from '../node/limits.ts'

/**
 * The places of the directory at `path` (absolute). `lineage`, as `readLineage` returns it, identifies it on
 * this machine by device and inode, whatever the path. Without an answer it is null: then only the path
 * identifies it, and only in this process, since another may see another directory there.
 */
export function toDirectoryPlaces(path: string, lineage: readonly string[] | null): Places {
  const paths = [path]
  for (let at = path; at !== dirname(at); at = dirname(at)) paths.push(dirname(at))
  const byPath = paths.map((at) => `${PROCESS} ${at}`)
  const byLineage = (lineage ?? []).map((place) => `${getMachine()} ${place}`)
  return {
    self: [...byPath.slice(0, 1), ...byLineage.slice(0, 1)],
    above: [...byPath.slice(1), ...byLineage.slice(1)],
  }
}

const PROCESS = randomUUID()

let machine: string | undefined

/** The same in all processes until the machine reboots, if it has a boot id; otherwise only in this one. */
function getMachine(): string {
  machine ??= attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? randomUUID()
  return machine
}

/** Places as a replica server reports them to coordinators: hashes that reveal no path, device or bucket. */
export function hidePlaces({ self, above }: Places): Places {
  return { self: self.map(hide), above: above.map(hide) }
}

function hide(place: string): string {
  return hash('sha256', place).slice(0, 32)
}

interface AskPlacesOptions {
  readonly send: Send
  readonly token?: (() => string) | undefined
  /** Milliseconds that the answer may take; `SILENCE_MS` when absent. */
  readonly silence?: number | undefined
}

/**
 * The places that the replica server at `url` reports, as `hidePlaces` makes them. None if it does not answer
 * in time, or reports none.
 */
export async function askPlaces(url: string, options: AskPlacesOptions): Promise<Places> {
  const { send, token, silence = SILENCE_MS } = options
  try {
    const reply = await send(`${url.replace(/\/+$/, '')}/readyz`, {
      headers: { 'Accept-Encoding': 'identity', ...(token && { Authorization: `Bearer ${token()}` }) },
      redirect: 'manual',
      duplex: 'half',
      signal: AbortSignal.timeout(silence),
    })
    const text = reply.body === null ? '' : await readText(toChunks(reply.body), MAX_PLACES_BYTES)
    const parsed = parseJson(readiness, text ?? '')
    return (parsed.success && parsed.output.places) || NO_PLACES
  } catch {
    // The next request to it reports why it does not answer.
    return NO_PLACES
  }
}

const NO_PLACES: Places = { self: [], above: [] }
