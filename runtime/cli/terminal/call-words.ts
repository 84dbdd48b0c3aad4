import { type Calls, type PriceName, toDollars } from '../../../functions/wire/prices.ts'
import { formatNumber, formatSize } from '../../../functions/wire/text.ts'

/** `201 LIST, 32 HEAD, 7 GET of 1.2 MB: $0.0010`; without dollars where the prices are not known. */
export function toCallWords(calls: Calls & { readonly prices: PriceName | null }): string {
  const { list, head, get, put, bytes, prices } = calls
  const counts = [`${formatNumber(list)} LIST`, `${formatNumber(head)} HEAD`]
  if (get > 0) counts.push(`${formatNumber(get)} GET of ${formatSize(bytes)}`)
  if (put > 0) counts.push(`${formatNumber(put)} PUT`)
  const dollars = toDollars(calls, prices)
  return `${counts.join(', ')}${dollars === null ? '' : `: ${formatDollars(dollars)}`}`
}

/** `$12.34`, or of less than a dollar four places: `$0.0123`. */
export function formatDollars(dollars: number): string {
  return `$${dollars.toFixed(dollars < 1 ? 4 : 2)}`
}
