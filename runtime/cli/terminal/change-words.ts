import type { Changes } from '../../../functions/wire/schemas/audit.ts'
import { formatNumber } from '../../../functions/wire/text.ts'
import { toLocalTime } from './times.ts'

/** `3 new since 2026-11-21 02:00:00 +01:00, 1 settled`. */
export function toChangeWords({ since, new: isNew, settled }: Changes): string {
  const end = settled === 0 ? '' : `, ${formatNumber(settled)} settled`
  const count = isNew === 0 ? 'nothing' : formatNumber(isNew)
  return `${count} new since ${toLocalTime(since)}${end}`
}
