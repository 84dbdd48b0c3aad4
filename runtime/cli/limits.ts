/** The numbers that limit something in the command, each with its reason. */

/** Bytes of a text that is compared line by line: more nobody reads on a terminal. */
export const MAX_DIFF_BYTES = 1024 * 1024

/**
 * Lines taken away or added in a diff: finding them takes time in the square of their number, four seconds for so many,
 * and nobody reads that many either.
 */
export const MAX_DIFF_LINES = 4000

/** Names lacking somewhere among which `vouch check` looks for twins: some 20 MB of them. */
export const MAX_TWIN_NAMES = 65_536

/** Twins that `vouch check` says one by one. */
export const MAX_TWINS_SAID = 20
