import { MAX_WEB_ENTRY_LENGTH } from '../../../wire/limits.ts'

/** The start tag of an element in HTML. */
export interface StartTag {
  /** In lower case. */
  readonly name: string
  /** As it is written, with its entities. */
  readonly href: string | undefined
  /** What follows, up to the next tag. */
  readonly text: string
}

const NAME = /<(\/?)([a-z][^\s/>]*)/iy
const ATTRIBUTE = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?/y
const CLOSE = /[\s/]*>/y

/** Elements that contain text alone. */
const TEXTS = new Set(['script', 'style', 'title', 'textarea', 'xmp'])

/**
 * The start tags of an HTML page; returns whether the page was understood. Comments are read like anything
 * else, since some servers do not escape the names that they show, and a name may begin one. For the same
 * reason a page with a tag, or too much text, in an attribute, or without the end of a tag or of an element,
 * is not understood: names could hide others.
 */
export function* readStartTags(html: string): Generator<StartTag, boolean> {
  for (let at = html.indexOf('<'); at >= 0; ) {
    const next = readTag(html, at)
    if (next === null) return false
    if (next.tag !== undefined) yield next.tag
    at = next.end
  }
  return true
}

/** The start tag at `at`, if one is there, and the index of the next `<`; null when it is not understood. */
function readTag(html: string, at: number): { readonly tag?: StartTag; readonly end: number } | null {
  NAME.lastIndex = at
  const [start, slash, written = ''] = NAME.exec(html) ?? []
  if (start === undefined) return { end: html.indexOf('<', at + 1) }
  const name = written.toLowerCase()
  const read = name.includes('<') ? null : readAttributes(html, at + start.length)
  if (read === null) return null
  if (slash === '/') return { end: html.indexOf('<', read.end) }
  const end = TEXTS.has(name) ? findEndTag(html, name, read.end) : html.indexOf('<', read.end)
  if (end < 0 && TEXTS.has(name)) return null
  const text = html.slice(read.end, end < 0 ? undefined : end)
  return { tag: { name, href: read.href, text }, end }
}

/** The attributes from `at` on, of which the first `href` counts, and the index after the `>`. */
function readAttributes(html: string, at: number): { readonly href: string | undefined; end: number } | null {
  let href: string | undefined
  for (ATTRIBUTE.lastIndex = at; ; ) {
    const end = ATTRIBUTE.lastIndex
    const [all, name = '', double, single, plain] = ATTRIBUTE.exec(html) ?? []
    if (all === undefined) {
      CLOSE.lastIndex = end
      return CLOSE.test(html) ? { href, end: CLOSE.lastIndex } : null
    }
    const value = double ?? single ?? plain ?? ''
    if (value.length > MAX_WEB_ENTRY_LENGTH || name.includes('<') || /<\/|<a\s/i.test(value)) return null
    if (name.toLowerCase() === 'href') href ??= value
  }
}

/** The index of the end tag of an element that contains text alone; -1 for none. */
function findEndTag(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[\\s/>]`, 'gi')
  end.lastIndex = from
  return end.exec(html)?.index ?? -1
}
