/** The numbers that limit something on this host, each with its reason. Bytes and milliseconds unless named otherwise. */

/** One read of a file: at 1 MiB a Node pipe equals sendfile, at 64 KiB it reaches a third of it. */
export const READ_BYTES = 1024 * 1024

/** Files described at once when nothing, or one read, is to be hashed: more only wait for Node's four disk threads. */
export const MAX_QUICK_DESCRIBES = 16

/** Larger files hashed at once: as many as Node has disk threads; small files pass them in a lane of their own. */
export const MAX_SLOW_DESCRIBES = 4

/** Digests remembered: at about 250 bytes each some 25 MB, for the files that a busy server reads again and again. */
export const MAX_REMEMBERED_DIGESTS = 100_000

/**
 * How long a file must have been left alone before its digest is remembered: a change within one tick of the file
 * system's clock leaves no trace in its times (git calls such a file racily clean), and FAT's clock ticks in 2 s.
 */
export const SETTLED_MS = 2000

/** How often a file that changes while it is opened or hashed is tried again before that is the answer. */
export const MAX_ATTEMPTS = 3
