import type { IncomingMessage } from 'node:http'

/** `uri-host [ ":" port ]` of RFC 9110 §7.2, with a host, as an http URL needs one (§4.2.1). */
const HOST = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d*)?$/i

/** The absolute form of a request target (RFC 9112 §3.2.2): without user information (RFC 9110 §4.2.4). */
const ABSOLUTE = /^https?:\/\/([^/?#@]+)(?=[/?#]|$)/i

/**
 * What is wrong with the target of a request, in a sentence; null when it is valid. HTTP/1.1 requires exactly
 * one Host field, valid even where an absolute target takes precedence over it (RFC 9112 §3.2).
 */
export function findWrongHost({ rawHeaders, httpVersion, url = '' }: IncomingMessage): string | null {
  let hosts = 0
  let host: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== 4 || rawHeaders[i]?.toLowerCase() !== 'host') continue
    hosts++
    host = rawHeaders[i + 1]
  }
  if (hosts > 1) return `a request must have one Host field, got ${hosts}`
  if (host === undefined && httpVersion !== '1.0')
    return 'a request of HTTP/1.1 must have a Host field, got none'
  if (host !== undefined && !HOST.test(host)) return 'the value of the Host field is not a valid host'
  if (!url.startsWith('/') && !HOST.test(ABSOLUTE.exec(url)?.[1] ?? ''))
    return 'the request target is not a valid path or http URL'
  return null
}
