/** The numbers that limit something in the command, each with its reason. */

/** Bytes of a text that is compared line by line: more nobody reads on a terminal. */
export const MAX_DIFF_BYTES = 1024 * 1024

/**
 * Lines taken away or added in a diff: finding them takes time in the square of their number, four seconds for so many,
 * and nobody reads that many either.
 */
export const MAX_DIFF_LINES = 4000

/** Characters of log lines that wait for a reader who is behind: some thousands of requests. Later lines are dropped. */
export const MAX_WAITING_LINES_LENGTH = 1024 * 1024

/** How long a server that ends waits for the reader of its log: a pipe is emptied in less, and nobody waits for one that stands still. */
export const LOG_FLUSH_MS = 1000

/** How often a server looks when its certificate expires. */
export const EXPIRY_CHECK_MS = 24 * 60 * 60 * 1000

/** Names lacking somewhere among which `vouch check` looks for twins: some 20 MB of them. */
export const MAX_TWIN_NAMES = 65_536

/** Twins that `vouch check` says one by one. */
export const MAX_TWINS_SAID = 20
/** Names for which check says on standard error why they could not be compared: more nobody reads there. */
export const MAX_REASONS = 10
