import { X509Certificate } from 'node:crypto'
import { CERTIFICATE_WARNING_DAYS } from './limits.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** When the first of the certificates in `pem` expires, in milliseconds since 1970; null when there is none. */
export function findExpiry(pem: Buffer): number | null {
  const blocks =
    pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const times = blocks.map((block) => Date.parse(new X509Certificate(block).validTo))
  return times.length === 0 ? null : Math.min(...times)
}

/** What to say of a certificate that expires within `CERTIFICATE_WARNING_DAYS`, or has expired; null for any other. */
export function toExpiryWarning(pem: Buffer, now: number): string | null {
  const expiry = findExpiry(pem)
  if (expiry === null || expiry - now > CERTIFICATE_WARNING_DAYS * DAY_MS) return null
  const at = new Date(expiry).toISOString()
  if (expiry <= now) return `the certificate of this server expired at ${at}: its clients refuse it`
  const days = Math.floor((expiry - now) / DAY_MS)
  return `the certificate of this server expires in ${days} days, at ${at}: put a new one in its place, which needs no restart`
}
