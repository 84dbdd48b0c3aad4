/** The numbers that limit something in the command, each with its reason. */

/** Bytes of a text that is compared line by line: more nobody reads on a terminal. */
export const MAX_DIFF_BYTES = 1024 * 1024

/** How long two texts may be compared: those that have little in common take long, and show nothing. */
export const MAX_DIFF_MS = 5000
