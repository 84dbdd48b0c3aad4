import { MAX_PROPFIND_BYTES } from '../../wire/limits.ts'
import { findNamespace, findOnly, parseXml, type XmlElement } from '../../wire/xml/parse.ts'

/** A property, by its namespace and its name in it. */
export interface Property {
  readonly namespace: string
  readonly name: string
}

/** What a request for properties asks for: the names of all, all with their values, or these. */
export type Wanted = 'names' | 'all' | readonly Property[]

/** The namespace of WebDAV's own elements and properties. */
export const DAV = 'DAV:'

/**
 * The body of PROPFIND (RFC 4918 §9.1); an empty one asks for all properties. Null for anything else. What
 * `include` names is among all, or not known.
 */
export function parseWanted(text: string): Wanted | null {
  if (text.trim() === '') return 'all'
  const root = parseXml(text)
  if (root === null || root.name !== 'propfind' || findNamespace(root, []) !== DAV) return null
  const kinds = ['propname', 'allprop', 'prop'].filter((name) => findOwn(root, name) !== null)
  if (kinds.length !== 1) return null
  if (kinds[0] !== 'prop') return kinds[0] === 'propname' ? 'names' : 'all'
  const list = findOwn(root, 'prop')
  return list && toProperties(root, list)
}

/** The only element of this name in WebDAV's namespace directly in the root; null for none or several. */
function findOwn(root: XmlElement, name: string): XmlElement | null {
  const found = findOnly(root, name)
  return found !== null && findNamespace(found, [root]) === DAV ? found : null
}

/**
 * Null when a prefix is not declared, a namespace has a control character, which XML cannot repeat, or the
 * names with their namespaces, which are repeated for each file, are longer than a whole request may be.
 */
function toProperties(root: XmlElement, list: XmlElement): readonly Property[] | null {
  const properties: Property[] = []
  let length = 0
  for (const element of list.children) {
    const namespace = findNamespace(element, [root, list])
    if (namespace === null || /[\x00-\x1f]/.test(namespace)) return null
    length += namespace.length + element.name.length
    if (length > MAX_PROPFIND_BYTES) return null
    properties.push({ namespace, name: element.name })
  }
  return properties
}
