import { parseHttpUrl } from '../../s3/place.ts'
import type { Scheme } from './scheme.ts'

/** The files below the URL of a web server. */
export const staticWeb: Scheme = {
  names: ['static+http', 'static+https'],
  form: 'static+URL of any web server',
  rule: "static+ and the URL of a web server's directory",
  begins: 'static+https://',
  isValid: (address) => parseRoot(address) !== null,
  format: (address) => `static+${parseRoot(address) ?? ''}`,
  async open(address, host) {
    const { openWebStorage } = await import('../../node/objects/open-stores.ts')
    return openWebStorage(parseRoot(address) ?? '', host)
  },
}

/** The URL, which ends in a slash; null when it is not valid. */
function parseRoot(address: string): string | null {
  return parseHttpUrl(address.slice('static+'.length))?.replace(/\/*$/, '/') ?? null
}
