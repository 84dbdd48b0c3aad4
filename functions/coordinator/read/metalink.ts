import { escapeXml } from '../../wire/xml/escape.ts'
import type { SentVersion } from '../compare/compare.ts'

export const METALINK_TYPE = 'application/metalink4+xml'

const encoder = new TextEncoder()

/**
 * The Metalink document (RFC 5854) of a version, by which a client verifies what it receives: the last part
 * of the name, the size, the SHA-256, and one address, where no other version can be.
 */
export function toMetalink(
  name: string,
  { size, digest }: Pick<SentVersion, 'size' | 'digest'>,
  url: URL,
): Uint8Array<ArrayBuffer> {
  const file = name.slice(name.lastIndexOf('/') + 1)
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<metalink xmlns="urn:ietf:params:xml:ns:metalink">',
    `  <file name="${escapeXml(file)}">`,
    `    <size>${size}</size>`,
    `    <hash type="sha-256">${digest}</hash>`,
    `    <url>${escapeXml(url.href)}</url>`,
    '  </file>',
    '</metalink>',
  ]
  return encoder.encode(`${lines.join('\n')}\n`)
}
