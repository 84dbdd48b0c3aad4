import * as v from 'valibot'
import { parseHttpDate } from '../../../wire/fields/dates.ts'
import { parseJsonItems } from '../../../wire/json/parse-items.ts'
import { CADDY_ENTRIES, MAX_WEB_ENTRIES, MAX_WEB_ENTRY_LENGTH } from '../../../wire/limits.ts'
import type { PassedKind } from '../../../wire/passed.ts'
import { size } from '../../../wire/schemas/values.ts'
import { formatNumber } from '../../../wire/text.ts'
import { noListing, type WebEntry } from './entries.ts'

/**
 * An entry of nginx's `autoindex_format json` (ngx_http_autoindex_module), of Caddy's `browse`, or of
 * serve-index, which has only names (local-web-server).
 */
const listed = v.union([
  v.object({ name: v.string(), is_dir: v.boolean(), size, mod_time: v.string(), mode: v.optional(size) }),
  v.object({ name: v.string(), type: v.literal('file'), size, mtime: v.string() }),
  v.object({ name: v.string(), type: v.picklist(['directory', 'other']) }),
  v.string(),
])

type Listed = v.InferOutput<typeof listed>

/** The entries of a listing in JSON; null for JSON of another kind. Throws when it may have been cut. */
export async function parseJsonListing(text: string, path: string): Promise<WebEntry[] | null> {
  const read = await parseJsonItems(listed, text, { items: MAX_WEB_ENTRIES, length: MAX_WEB_ENTRY_LENGTH })
  if (!read.success) return null
  const [first] = read.output
  const isCaddys = typeof first === 'object' && 'is_dir' in first
  // Caddy leaves out the others without a sign.
  if (isCaddys && read.output.length === CADDY_ENTRIES) {
    throw noListing(path, `Caddy lists at most ${formatNumber(CADDY_ENTRIES)} entries; raise its file_limit`)
  }
  return read.output.map(toEntry)
}

function toEntry(one: Listed): WebEntry {
  if (typeof one === 'string') return { name: one, is: 'unknown' }
  const name = one.name.replace(/\/$/, '')
  if ('type' in one ? one.type === 'directory' : one.is_dir) return { name, is: 'directory' }
  if (!('size' in one)) return { name, is: 'special' }
  const special = 'mode' in one ? findSpecial(one.mode) : undefined
  if (special !== undefined) return { name, is: special }
  const modified = 'type' in one ? parseHttpDate(one.mtime) : parseTime(one.mod_time)
  return { name, is: 'file', marks: { size: one.size, modified, etag: '' } }
}

/** A special file's kind by Go's `fs.FileMode`: Caddy lists it as a file, and never answers for a FIFO. */
function findSpecial(mode = 0): PassedKind | undefined {
  const has = (bit: number) => Math.floor(mode / 2 ** bit) % 2 === 1
  return has(25) ? 'fifo' : has(24) ? 'socket' : has(26) ? 'device' : undefined
}

/** Milliseconds since 1970; null for an invalid time. */
export function parseTime(text: string): number | null {
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}
