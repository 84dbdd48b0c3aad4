/** The limits of the command, each with its reason. */

import { MAX_DIRECTORY_ROWS, MAX_LISTING_BYTES, MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'

/**
 * How long a coordinator may send nothing: it hashes large files before it answers. As Node's own `fetch`.
 */
export const SILENT_COORDINATOR_MS = 300_000

/** A page of a folder has the rows of so many pages of a listing. */
export const MAX_FOLDER_BYTES = (MAX_DIRECTORY_ROWS / MAX_LISTING_PAGE) * MAX_LISTING_BYTES

/**
 * Files that `vouch get` receives at once: as many as rclone. More do not help where one is read after
 * another.
 */
export const FILES_AT_ONCE = 4

/** Files that are asked for in one request: four times as many were received no faster. */
export const FILES_TOGETHER = 64

/**
 * Content that is received in memory: so many bytes need no part file to resume, and `FILES_AT_ONCE` fit
 * easily.
 */
export const MAX_SMALL_BYTES = 256 * 1024

/**
 * New files that are written to the disk one by one at the end: with more, the whole file system is sooner
 * done.
 */
export const MAX_SYNCED_FILES = 16

/** Bytes of a text that is compared line by line: a longer diff is not readable on a terminal. */
export const MAX_DIFF_BYTES = 1024 * 1024

/** Lines removed or added in a diff: finding them takes quadratic time, four seconds for so many. */
export const MAX_DIFF_LINES = 4000

/** Twins that `vouch check` reports one by one. */
export const MAX_TWINS_SAID = 20

/** Names for which `vouch check` prints why they could not be compared; `--json` has the reason of each. */
export const MAX_REASONS = 10

/** Names that `vouch sums` reports as not agreed on; `vouch check` lists all of them. */
export const MAX_LEFT_OUT_SAID = 20

/** The most bytes that a `.vouchignore` may have: far more than its globs may. */
export const MAX_IGNORE_FILE_BYTES = 64 * 1024

/** Files of a signed tree that wait for those of another, of which one may be read faster. */
export const FILES_AHEAD = 1024

/** What opening and looking up a file costs, in bytes that could be hashed meanwhile. */
export const FILE_BYTES = 32 * 1024

/** Parts that `vouch merge` reads, and holds a summary of each. */
export const MAX_RESULT_FILES = 1000

/** Processes of `vouch check --jobs`: more than machines have cores to spare. */
export const MAX_JOBS = 64

/** Characters of what a failed part has printed that are repeated: its last sentences. */
export const MAX_PART_WORDS = 2000
