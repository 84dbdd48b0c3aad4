import { createTurns } from '../limit.ts'
import { MAX_XML_DEPTH, MAX_XML_ITEM_LENGTH } from '../limits.ts'

/** An element, which contains either text or elements. */
export interface XmlElement {
  /** Its name, without the prefix of a namespace. */
  readonly name: string
  /** That prefix; empty without one. `findNamespace` returns what it stands for. */
  readonly prefix: string
  /** Its attributes as they are written; `findAttribute` returns one. */
  readonly attributes: string
  readonly children: readonly XmlElement[]
  /** The text directly in it, with its blanks and line breaks. */
  readonly text: string
}

interface Open extends XmlElement {
  readonly children: XmlElement[]
  text: string
}

/**
 * A token: a declaration, a comment, CDATA, the tag of an element, or text up to the next `<`. The longest
 * comment and CDATA fit the stack of `RegExp`.
 */
const TOKEN =
  /<\?[^<>]*\?>|<!--(?:(?!--).){0,9999}-->|<!\[CDATA\[(?<data>(?:(?!\]\]>).){0,9999})\]\]>|<(?<slash>\/?)(?<name>[A-Za-z_][\w.:-]*)(?<attributes>\s[^<>]*?)?(?<empty>\/?)>|(?<text>[^<]+)/sy

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * The root of the simple XML of stores; null for anything else, such as a truncated text, HTML, a document
 * type, or entities of its own. Characters that XML forbids are accepted: keys have them, stores send them.
 */
export function parseXml(text: string): XmlElement | null {
  const children: XmlElement[] = []
  const read = readChildren(text)
  for (let next = read.next(); ; next = read.next()) {
    if (next.done) return next.value && { ...next.value, children }
    children.push(next.value)
  }
}

/**
 * What `toItem` makes of each element directly in the root, which has this name. Null for anything that is
 * not such XML, for more than `most` items, and as soon as `toItem` returns null. Holds one element at a
 * time, and yields to other work now and then.
 */
export async function parseXmlItems<T>(
  text: string,
  root: string,
  most: number,
  toItem: (element: XmlElement) => T | null,
): Promise<T[] | null> {
  const items: T[] = []
  const read = readChildren(text)
  const turns = createTurns()
  for (let next = read.next(); ; next = read.next()) {
    if (next.done) return next.value?.name === root ? items : null
    const item = items.length < most ? toItem(next.value) : null
    if (item === null) return null
    items.push(item)
    const turn = turns()
    if (turn !== undefined) await turn
  }
}

/** The elements directly in the root, and at the end the root without them; null as for `parseXml`. */
function* readChildren(text: string): Generator<XmlElement, XmlElement | null> {
  const top = toOpen('', '')
  const open: Open[] = [top]
  const token = new RegExp(TOKEN)
  /** Where the last element directly in the root ended; later by the blanks since, of any number. */
  let start = 0
  while (token.lastIndex < text.length) {
    const groups = token.exec(text)?.groups
    const within = open.at(-1)
    if (groups === undefined || within === undefined) return null
    const { text: blanks } = groups
    if (open.length <= 2 && blanks?.trim() === '') start += blanks.length
    // Also of comments and the like, since between elements nothing yields.
    if (token.lastIndex - start > MAX_XML_ITEM_LENGTH || !take(groups, open, within)) return null
    const child = open.length > 2 ? undefined : open[1]?.children.pop()
    if (child === undefined) continue
    start = token.lastIndex
    yield child
  }
  const [root, ...more] = top.children
  return root === undefined || more.length > 0 || open.length !== 1 || top.text.trim() !== '' ? null : root
}

function take(groups: Readonly<Record<string, string | undefined>>, open: Open[], within: Open): boolean {
  const { name, attributes = '', slash, empty, data, text } = groups
  if (data !== undefined) within.text += data
  if (text !== undefined) {
    const decoded = decode(text)
    if (decoded === null) return false
    within.text += decoded
  }
  if (name === undefined) return true
  if (slash === '/') return open.length > 1 && open.pop()?.name === toLocal(name)
  const element = toOpen(name, attributes)
  within.children.push(element)
  if (empty !== '/') open.push(element)
  return open.length <= MAX_XML_DEPTH
}

/** An element by its name with the prefix. */
function toOpen(name: string, attributes: string): Open {
  const prefix = name.slice(0, Math.max(name.indexOf(':'), 0))
  return { name: toLocal(name), prefix, attributes, children: [], text: '' }
}

function toLocal(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** Text with its entities resolved; null for an unknown entity. */
function decode(text: string): string | null {
  let isSound = true
  const decoded = text.replace(/&(#x[\da-f]{1,6}|#\d{1,7}|\w+);|&/gi, (_all, entity: string | undefined) => {
    const character = entity === undefined ? undefined : toCharacter(entity)
    if (character === undefined) isSound = false
    return character ?? ''
  })
  return isSound ? decoded : null
}

/** The character of a reference such as `amp`, `#39` or `#x27`; undefined for any other. */
export function toCharacter(reference: string): string | undefined {
  if (!reference.startsWith('#')) return Object.hasOwn(ENTITIES, reference) ? ENTITIES[reference] : undefined
  const code = /^#x/i.test(reference) ? Number.parseInt(reference.slice(2), 16) : Number(reference.slice(1))
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

/** The elements of this name directly in another. */
export function findAll({ children }: XmlElement, name: string): readonly XmlElement[] {
  return children.filter((child) => child.name === name)
}

/** The only element of this name directly in another; null for none or several. */
export function findOnly(element: XmlElement, name: string): XmlElement | null {
  const [found, ...more] = findAll(element, name)
  return found === undefined || more.length > 0 ? null : found
}

/** The text of the only element of this name directly in another; null for none or several. */
export function findText(element: XmlElement, name: string): string | null {
  return findOnly(element, name)?.text ?? null
}

/** The value of an attribute, in quotation marks; null without one, or with an unknown entity in it. */
export function findAttribute({ attributes }: XmlElement, name: string): string | null {
  for (const [, found, double, single] of attributes.matchAll(/\s([\w.:-]+)=(?:"([^"]*)"|'([^']*)')/g)) {
    if (found === name) return decode(double ?? single ?? '')
  }
  return null
}

/**
 * The namespace of an element, declared by itself or by the nearest of `within`, which lead to it from the
 * root; empty without a declaration of the default, null when its prefix is not declared.
 */
export function findNamespace(element: XmlElement, within: readonly XmlElement[]): string | null {
  const { prefix } = element
  for (const one of [...within, element].reverse()) {
    const namespace = findAttribute(one, prefix === '' ? 'xmlns' : `xmlns:${prefix}`)
    if (namespace !== null) return namespace
  }
  return prefix === '' ? '' : null
}
