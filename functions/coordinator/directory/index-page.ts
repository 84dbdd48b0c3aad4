import { html } from 'hono/html'
import { escapeControls } from '../../wire/text.ts'
import type { Folder, Row } from './folder.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** The column at which the time begins, as in nginx's listings. */
const NAME_WIDTH = 51

/**
 * A page for people that reads to programs as an index of nginx: a line for each row, with a relative link,
 * the time in UTC, the size in bytes, and last, for people, which replicas do not list the file, or that its
 * sizes differ.
 */
export function renderIndex(folder: string, { rows, next, replicas }: Folder): string {
  const ids = replicas.flatMap(({ id, state }) => (state === 'ok' ? id : []))
  const silent = replicas.flatMap(({ id, state }) => (state === 'error' ? id : []))
  const title = `Index of /files/${escapeControls(folder)}`
  const lines = rows.map((row) => renderLine(row, folder, ids))
  const up = folder === '' ? '' : html`<a href="../">../</a>\n`
  const warning =
    silent.length === 0
      ? ''
      : html`<p>Not listed by ${silent.join(', ')}: files that only they have are not shown.</p>\n`
  const more = next === null ? '' : html`<p><a href="?${new URLSearchParams({ after: next })}">More</a></p>\n`
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body>
<h1>${title}</h1><hr><pre>${up}${lines}</pre><hr>
${warning}${more}</body>
</html>
`
  return String(page)
}

function renderLine({ name, copies }: Row, folder: string, ids: readonly string[]) {
  const own = name.slice(folder.length)
  const href = own.endsWith('/') ? `${encodeURIComponent(own.slice(0, -1))}/` : encodeURIComponent(own)
  const space = ' '.repeat(Math.max(1, NAME_WIDTH - own.length))
  const size = copies === null ? '-' : (toSize(copies) ?? '-')
  const remark = copies === null ? '' : toRemark(copies, ids)
  return html`<a href="${href}">${escapeControls(own)}</a>${space}${toTime(copies).padEnd(17)} ${String(size).padStart(19)}${remark}\n`
}

type Copies = NonNullable<Row['copies']>

/** Bytes; null where the copies differ, or none says. */
function toSize(copies: Copies): number | null {
  const sizes = new Set(copies.flatMap(({ size }) => size ?? []))
  return sizes.size === 1 ? ([...sizes][0] ?? null) : null
}

function toRemark(copies: Copies, ids: readonly string[]): string {
  const lacking = ids.filter((id) => !copies.some((copy) => copy.id === id))
  if (new Set(copies.map(({ size }) => size)).size > 1) return '  sizes differ'
  return lacking.length === 0 ? '' : `  missing on ${lacking.join(', ')}`
}

/** The latest time of the copies, `30-Nov-2026 08:55`. */
function toTime(copies: Row['copies']): string {
  const times = (copies ?? []).flatMap(({ modified }) => (modified === null ? [] : Date.parse(modified)))
  if (times.length === 0) return '-'
  const date = new Date(Math.max(...times))
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
}
