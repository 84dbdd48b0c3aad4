import { MAX_XML_DEPTH } from './limits.ts'

/** An element, which contains either text or elements. */
export interface XmlElement {
  /** Its name, without the prefix of a namespace. */
  readonly name: string
  readonly children: readonly XmlElement[]
  /** The text directly in it, with its blanks and line breaks. */
  readonly text: string
}

interface Open extends XmlElement {
  readonly children: XmlElement[]
  text: string
}

/** A token: a declaration, a comment, CDATA, the tag of an element, or text up to the next `<`. */
const TOKEN =
  /<\?[^<>]*\?>|<!--(?:(?!--).)*-->|<!\[CDATA\[(?<data>(?:(?!\]\]>).)*)\]\]>|<(?<slash>\/?)(?<name>[A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(?<empty>\/?)>|(?<text>[^<]+)/sy

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * The root of the simple XML of stores; null for anything else, such as a truncated text, HTML, a document
 * type, or entities of its own. Characters that XML forbids are accepted: keys have them, stores send them.
 */
export function parseXml(text: string): XmlElement | null {
  const top: Open = { name: '', children: [], text: '' }
  const open: Open[] = [top]
  const token = new RegExp(TOKEN)
  while (token.lastIndex < text.length) {
    const groups = token.exec(text)?.groups
    const within = open.at(-1)
    if (groups === undefined || within === undefined || !take(groups, open, within)) return null
  }
  const [root, ...more] = top.children
  return root === undefined || more.length > 0 || open.length !== 1 || top.text.trim() !== '' ? null : root
}

function take(groups: Readonly<Record<string, string | undefined>>, open: Open[], within: Open): boolean {
  const { name, slash, empty, data, text } = groups
  if (data !== undefined) within.text += data
  if (text !== undefined) {
    const decoded = decode(text)
    if (decoded === null) return false
    within.text += decoded
  }
  if (name === undefined) return true
  if (slash === '/') return open.length > 1 && open.pop()?.name === toLocal(name)
  const element: Open = { name: toLocal(name), children: [], text: '' }
  within.children.push(element)
  if (empty !== '/') open.push(element)
  return open.length <= MAX_XML_DEPTH
}

function toLocal(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** Text with its entities resolved; null for an unknown entity. */
function decode(text: string): string | null {
  let isSound = true
  const decoded = text.replace(/&(#x[\da-f]{1,6}|#\d{1,7}|\w+);|&/gi, (_all, entity: string | undefined) => {
    const character = entity === undefined ? undefined : (ENTITIES[entity] ?? toCharacter(entity))
    if (character === undefined) isSound = false
    return character ?? ''
  })
  return isSound ? decoded : null
}

function toCharacter(entity: string): string | undefined {
  if (!entity.startsWith('#')) return undefined
  const code = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1))
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

/** The elements of this name directly in another. */
export function findAll({ children }: XmlElement, name: string): readonly XmlElement[] {
  return children.filter((child) => child.name === name)
}

/** The text of the only element of this name directly in another; null for none or several. */
export function findText(element: XmlElement, name: string): string | null {
  const [found, ...more] = findAll(element, name)
  return found === undefined || more.length > 0 ? null : found.text
}
