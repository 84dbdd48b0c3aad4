import { X509Certificate } from 'node:crypto'
import { formatCount } from '../../../functions/wire/text.ts'
import { CERTIFICATE_WARNING_DAYS } from '../limits.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** When the first of the certificates in `pem` expires, in milliseconds since 1970; null when it has none. */
export function findExpiry(pem: Buffer): number | null {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  const times = (blocks ?? []).map((block) => Date.parse(new X509Certificate(block).validTo))
  return times.length === 0 ? null : Math.min(...times)
}

/** A warning when a certificate expires within `CERTIFICATE_WARNING_DAYS`, or has expired; null otherwise. */
export function toExpiryWarning(pem: Buffer, now: number): string | null {
  const expiry = findExpiry(pem)
  if (expiry === null || expiry - now > CERTIFICATE_WARNING_DAYS * DAY_MS) return null
  const at = new Date(expiry).toISOString()
  if (expiry <= now)
    return `the certificate of this server expired at ${at}: clients refuse it; replace it, which needs no restart`
  const days = Math.floor((expiry - now) / DAY_MS)
  return `the certificate of this server expires in ${formatCount(days, 'day', 'days')}, at ${at}: replace it, which needs no restart`
}
