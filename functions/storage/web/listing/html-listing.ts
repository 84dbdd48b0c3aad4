import { createTurns } from '../../../wire/limit.ts'
import { MAX_NAME_BYTES, MAX_WEB_ENTRIES } from '../../../wire/limits.ts'
import { toCharacter } from '../../../wire/xml/parse.ts'
import type { WebEntry } from './entries.ts'
import { readStartTags, type StartTag, TEXTS } from './html-tags.ts'
import { type Entry, follow, type PageAddress, toPageAddress } from './links.ts'

/** How the headings of servers begin: Apache, nginx and many; Python; Jetty; webfs; serve-index; serve. */
const HEADING = /^(index of\b|directory listing\b|directory:|listing:|listing directory\b|files within\b)/i

/** How a whole page of a listing ends: h2o writes only the list, Go only the `pre`. */
const END = /<\/(html|body|ul|pre)\s*>$/i

/** A page as it is read. */
interface Reading {
  readonly page: PageAddress
  /** The entries by name, and the links that they were made of. */
  readonly entries: Map<string, { readonly entry: WebEntry; readonly href: string }>
  /** Whether there was a title, and a heading: only the first of each counts. */
  readonly seen: Set<'title' | 'heading'>
  /** A heading that only listings have. */
  hasHeading: boolean
  /** A title that is the path of the page, as rclone's. */
  hasPath: boolean
  /** One of both with the whole path of the page. */
  hasWholePath: boolean
  /** A link to the directory itself. */
  hasHere: boolean
  /** A link to one above. */
  hasAbove: boolean
  /** A link that may be an entry under another address of the directory. */
  hasElsewhere: boolean
}

/**
 * The entries of a directory's page at `url`, by its links alone: many servers cut their texts. Each entry is
 * `unknown`, or a directory by the slash at its end. Null for a page that is not known to be a whole listing.
 */
export async function parseHtmlListing(html: string, url: string): Promise<WebEntry[] | null> {
  const reading: Reading = {
    ...{ page: toPageAddress(url), entries: new Map(), seen: new Set() },
    ...{ hasHeading: false, hasPath: false, hasWholePath: false },
    ...{ hasHere: false, hasAbove: false, hasElsewhere: false },
  }
  const tags = readStartTags(html)
  const turns = createTurns()
  for (let next = tags.next(); ; next = tags.next()) {
    if (next.done) return next.value && isEnded(html) && isListing(reading) ? toEntries(reading) : null
    if (next.value !== null && !take(next.value, reading)) return null
    const turn = turns()
    if (turn !== undefined) await turn
  }
}

function isEnded(html: string): boolean {
  return END.test(html.trimEnd().slice(-END_LENGTH))
}

const END_LENGTH = 100

function isListing(reading: Reading): boolean {
  const { hasHeading, hasPath, hasWholePath, hasHere, hasAbove, hasElsewhere, entries } = reading
  if (!hasHeading && !(hasPath && (hasHere || hasAbove))) return false
  // The page of an index file may have such a heading, and no links.
  return entries.size > 0 || (!hasElsewhere && (hasAbove || hasWholePath))
}

function toEntries({ entries }: Reading): WebEntry[] {
  return [...entries.values()].map(({ entry }) => entry)
}

/** Takes in a tag; returns false when the page cannot be read as a listing. */
function take({ name, href, rel, text }: StartTag, reading: Reading): boolean {
  // It changes where all links lead.
  if (name === 'base' && href !== undefined) return false
  // The page is one of several.
  if (/^(a|link)$/.test(name) && /(^|\s)next(\s|$)/i.test(rel ?? '')) return false
  if (TEXTS.has(name) && mayHideLinks(text, reading)) return false
  if (/^(title|h[1-6])$/.test(name)) takeHeading(name === 'title' ? 'title' : 'heading', text, reading)
  const isWhole = name !== 'a' || href === undefined || takeLink(href, reading)
  return isWhole && reading.entries.size <= MAX_WEB_ENTRIES
}

/** Whether an element that contains text alone may be a name that the server does not escape. */
function mayHideLinks(text: string, { entries, page }: Reading): boolean {
  const mayBeName = entries.size > 0 || page.segments.some((segment) => segment.includes('<'))
  return mayBeName && /<a\s/i.test(text)
}

/** Takes in a title or a heading, of which only the first counts, and only before the first entry. */
function takeHeading(is: 'title' | 'heading', text: string, reading: Reading): void {
  const { seen, entries, page } = reading
  if (seen.has(is) || entries.size > 0) return
  seen.add(is)
  const heading = decodeEntities(text.slice(0, 4 * MAX_NAME_BYTES)).trim()
  const hasHeading = HEADING.test(heading)
  const hasPath = is === 'title' && isPathOf(heading, page)
  reading.hasHeading ||= hasHeading
  reading.hasPath ||= hasPath
  const path = heading.slice(heading.indexOf('/')).replace(/\/$/, '')
  reading.hasWholePath ||= (hasHeading || hasPath) && heading.includes('/') && path === toPathOf(page)
}

/** The path of a page without the slash at its end. */
function toPathOf({ segments }: PageAddress): string {
  return segments.map((segment) => `/${segment}`).join('')
}

/** Whether a title is the path of the page, or the end of it behind a proxy. */
function isPathOf(title: string, page: PageAddress): boolean {
  return title.startsWith('/') && toPathOf(page).endsWith(title.replace(/\/$/, ''))
}

/** Takes in a link; returns false when it shows that the page is one of several. */
function takeLink(written: string, reading: Reading): boolean {
  const target = follow(decodeEntities(written), reading.page)
  if (target === 'above') reading.hasAbove = true
  else if (target === 'here') reading.hasHere = true
  else if (target === 'elsewhere') reading.hasElsewhere = true
  else if (target !== null && target !== 'more') addEntry(target, written, reading)
  return target !== 'more'
}

function addEntry({ name, isDirectory, hasQuery }: Entry, written: string, { entries }: Reading): void {
  const before = entries.get(name)
  if (before?.href === written) return
  // One of a server that writes '&' as it is may be another name.
  const isDoubtful = before !== undefined && `${before.href}${written}`.includes('&')
  if (before !== undefined && !isDoubtful) return
  const is = hasQuery || isDoubtful ? 'other' : isDirectory ? 'directory' : 'unknown'
  entries.set(name, { entry: { name, is, ...(is === 'directory' && { isLinked: true }) }, href: written })
}

/** Decodes the references that servers write; leaves any other `&`, as servers that write none mean it. */
function decodeEntities(text: string): string {
  return text.replace(
    /&(#x[\da-f]{1,6}|#\d{1,7}|\w+);/gi,
    (all, reference: string) => toCharacter(reference) ?? all,
  )
}
