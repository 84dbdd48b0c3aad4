import { MAX_WEB_ENTRY_LENGTH } from '../../../wire/limits.ts'

/** The start tag of an element in HTML. */
export interface StartTag {
  /** In lower case. */
  readonly name: string
  /** As it is written, with its entities. */
  readonly href: string | undefined
  /** Likewise. */
  readonly rel: string | undefined
  /** What follows, up to the next tag, or to its own end tag for an element that contains text alone. */
  readonly text: string
}

const NAME = /<(\/?)([a-z][^\s/>]*)/iy
const ATTRIBUTE = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?/y
const CLOSE = /[\s/]*>/y

/** Elements that contain text alone. */
export const TEXTS = new Set(['script', 'style', 'title', 'textarea', 'xmp'])

/**
 * The start tags of an HTML page; returns whether the page was understood. Comments are read like anything
 * else, since some servers do not escape the names that they show, and a name may begin one. For the same
 * reason a page with a tag in an attribute, with too long a tag, or without the end of a tag or of an
 * element, is not understood: names could hide others. Null stands for an end tag and for any other `<`, so
 * that the caller can yield to other work after each.
 */
export function* readStartTags(html: string): Generator<StartTag | null, boolean> {
  for (let at = html.indexOf('<'); at >= 0; ) {
    const next = readTag(html, at)
    if (next === null) return false
    yield next.tag
    at = next.end
  }
  return true
}

/** The start tag at `at`, if one is there, and the index of the next `<`; null when it is not understood. */
function readTag(html: string, at: number): { readonly tag: StartTag | null; readonly end: number } | null {
  // A longer tag is without its end.
  const near = html.slice(at, at + MAX_WEB_ENTRY_LENGTH)
  NAME.lastIndex = 0
  const [start, slash, written = ''] = NAME.exec(near) ?? []
  if (start === undefined) return { tag: null, end: html.indexOf('<', at + 1) }
  const name = written.toLowerCase()
  const read = name.includes('<') ? null : readAttributes(near, start.length)
  if (read === null) return null
  const { href, rel } = read
  const from = at + read.end
  if (slash === '/') return { tag: null, end: html.indexOf('<', from) }
  const end = TEXTS.has(name) ? findEndTag(html, name, from) : html.indexOf('<', from)
  if (end < 0 && TEXTS.has(name)) return null
  return { tag: { name, href, rel, text: html.slice(from, end < 0 ? undefined : end) }, end }
}

/** The attributes that count of a tag, and the index after its `>`. */
interface Attributes {
  readonly href: string | undefined
  readonly rel: string | undefined
  readonly end: number
}

/** The attributes from `at` on, of which the first of a name counts; null without the end of the tag. */
function readAttributes(tag: string, at: number): Attributes | null {
  const found: { href?: string; rel?: string } = {}
  for (ATTRIBUTE.lastIndex = at; ; ) {
    const end = ATTRIBUTE.lastIndex
    const [all, written = '', double, single, plain] = ATTRIBUTE.exec(tag) ?? []
    if (all === undefined) {
      CLOSE.lastIndex = end
      return CLOSE.test(tag) ? { href: found.href, rel: found.rel, end: CLOSE.lastIndex } : null
    }
    const value = double ?? single ?? plain ?? ''
    if (written.includes('<') || /<\/|<a\s/i.test(value)) return null
    const name = written.toLowerCase()
    if (name === 'href' || name === 'rel') found[name] ??= value
  }
}

/** The index of the end tag of an element that contains text alone; -1 for none. */
function findEndTag(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[\\s/>]`, 'gi')
  end.lastIndex = from
  return end.exec(html)?.index ?? -1
}
