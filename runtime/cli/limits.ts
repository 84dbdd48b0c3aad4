/** The numbers that limit something in the command, each with its reason. */

/** Bytes of a text that is compared line by line: more nobody reads on a terminal. */
export const MAX_DIFF_BYTES = 1024 * 1024

/**
 * Lines taken away or added in a diff: finding them takes time in the square of their number, four seconds for so many,
 * and nobody reads that many either.
 */
export const MAX_DIFF_LINES = 4000

/** Names for which check says on standard error why they could not be compared: more nobody reads there. */
export const MAX_REASONS = 10
