import { createTwoFilesPatch, OMIT_HEADERS } from 'diff'
import { toGrouped } from '../../functions/wire/grouped.ts'
import { printable } from '../../functions/wire/printable.ts'
import { MAX_DIFF_LINES } from './limits.ts'

/** A text, and what the head of a diff calls it. */
export interface Text {
  readonly label: string
  readonly text: string
}

/**
 * How one text becomes another, as a unified diff that leaves a terminal alone; a line that says so when they have too
 * little in common.
 */
export function diffTexts(from: Text, to: Text): string {
  // A head of our own: the package would quote what `printable` escaped.
  const options = { context: 3, headerOptions: OMIT_HEADERS, maxEditLength: MAX_DIFF_LINES }
  const hunks = createTwoFilesPatch('', '', from.text, to.text, '', '', options)
  if (hunks === undefined) {
    return `no diff: more than ${toGrouped(MAX_DIFF_LINES)} lines were taken away or added\n`
  }
  return `--- ${printable(from.label)}\n+++ ${printable(to.label)}\n${toPrintable(hunks)}`
}

/** Line ends and tabs stay as they are. */
function toPrintable(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}
