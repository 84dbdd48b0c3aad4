import type { ListAlgorithm } from './algorithms.ts'
import type { JsonFormat } from './formats/json-lines.ts'
import type { SumFormat } from './formats/sum-line.ts'

// Read by every command, which the formats themselves are not.

/** The formats that a list may have; `sums` is not chosen by a caller. */
export type ListFormat = SumFormat | JsonFormat | 'hashdeep' | 'mtree' | 'bagit'

/** The formats that `?format=` takes. */
export const LIST_FORMATS: readonly ListFormat[] = [
  ...(['gnu', 'zero', 'openssl', 'rclone', 'bare', 'borg', 'borg-json', 'annex', 'sfv'] as const),
  ...(['hashdeep', 'mtree', 'bagit', 'vouch'] as const),
]

/** How a list is read, where it does not tell by itself. */
export interface ListOptions {
  readonly format?: ListFormat | undefined
  readonly algorithm?: ListAlgorithm | undefined
  /** The folder in the names of the list that is the root of the replica: only names below it count. */
  readonly root?: string | undefined
}
