import { createTurns } from '../../../wire/limit.ts'
import { MAX_NAME_BYTES, MAX_WEB_ENTRIES } from '../../../wire/limits.ts'
import { toCharacter } from '../../../wire/xml/parse.ts'
import type { WebEntry } from './entries.ts'
import { readStartTags, type StartTag } from './html-tags.ts'
import { type Entry, follow, type PageAddress, toPageAddress } from './links.ts'

/** How the headings of servers begin: Apache, nginx and many; Python; Jetty; webfs; serve-index; serve. */
const HEADING = /^(index of\b|directory listing\b|directory:|listing:|listing directory\b|files within\b)/i

/** How a whole page of a listing ends: h2o writes only the list, Go only the `pre`. */
const END = /<\/(html|body|ul|pre)\s*>\s*$/i

/** A page as it is read. */
interface Reading {
  readonly page: PageAddress
  /** The entries by name, and the links that they were made of. */
  readonly entries: Map<string, { readonly entry: WebEntry; readonly href: string }>
  /** A heading that only listings have. */
  hasHeading: boolean
  /** A title that is the path of the page, as rclone's. */
  hasPath: boolean
  /** A link to the directory itself or above. */
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
    ...{ page: toPageAddress(url), entries: new Map() },
    ...{ hasHeading: false, hasPath: false, hasAbove: false, hasElsewhere: false },
  }
  const tags = readStartTags(html)
  const turns = createTurns()
  for (let next = tags.next(); ; next = tags.next()) {
    if (next.done) return next.value && END.test(html) && isListing(reading) ? toEntries(reading) : null
    if (!take(next.value, reading)) return null
    const turn = turns()
    if (turn !== undefined) await turn
  }
}

function isListing({ hasHeading, hasPath, hasAbove, hasElsewhere, entries }: Reading): boolean {
  return (hasHeading || (hasPath && hasAbove)) && (entries.size > 0 || !hasElsewhere)
}

function toEntries({ entries }: Reading): WebEntry[] {
  return [...entries.values()].map(({ entry }) => entry)
}

/** Takes in a tag; returns false when the page cannot be read as a listing. */
function take({ name, href, text }: StartTag, reading: Reading): boolean {
  // It changes where all links lead.
  if (name === 'base' && href !== undefined) return false
  if (/^(title|h[1-6])$/.test(name)) {
    const heading = decodeEntities(text.slice(0, 4 * MAX_NAME_BYTES)).trim()
    reading.hasHeading ||= HEADING.test(heading)
    reading.hasPath ||= name === 'title' && isPathOf(heading, reading.page)
  }
  const isWhole = name !== 'a' || href === undefined || takeLink(href, reading)
  return isWhole && reading.entries.size <= MAX_WEB_ENTRIES
}

/** Whether a title is the path of the page, or the end of it behind a proxy. */
function isPathOf(title: string, { segments }: PageAddress): boolean {
  const path = `/${segments.join('/')}`
  return title.startsWith('/') && path.endsWith(title === '/' ? '' : title.replace(/\/$/, ''))
}

/** Takes in a link; returns false when it shows that the page is one of several. */
function takeLink(written: string, reading: Reading): boolean {
  const target = follow(decodeEntities(written), reading.page)
  if (target === 'above' || target === 'here') reading.hasAbove = true
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
