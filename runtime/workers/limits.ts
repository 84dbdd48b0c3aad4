/** The numbers that limit something, each with its reason. Bytes and milliseconds unless named otherwise. */

/** What R2 accepts in one upload, 5 MiB below 5 GiB: one in parts may be larger, but not conditional. */
export const MAX_R2_PUT_BYTES = 5_363_466_240

/** The longest key of R2. */
export const MAX_R2_KEY_BYTES = 1024

/** Letters of a token, as for `--token-file`: too long to be guessed. */
export const MIN_TOKEN_LENGTH = 16

/** Small contents that a coordinator keeps in memory: a Worker has 128 MB for all that it does. */
export const CONTENT_CACHE_BYTES = 16 * 1024 * 1024

/** Digests in one row of the Durable Object `Digests`: those of a page of a listing. */
export const MAX_DIGEST_PAGE = 1024

/** Characters of such a row, which may have 2 MB: long keys make smaller pages. */
export const MAX_DIGEST_PAGE_LENGTH = 512 * 1024

/** Digests that are asked for, or noted, in one call of that object: those of a page of a listing. */
export const MAX_DIGESTS_AT_ONCE = 1000

/**
 * What one step of an audit compares. 50,000 names are some 50 lists of each bucket, and some 3 s of CPU, of
 * which an invocation may take 30 s, or up to 5 min; 5000 calls are half of what it may make, since what is
 * under way beyond the budget still ends; 10,000 findings are some 10 MB, of the 32 MiB that one call takes
 * to the ledger; 16 GiB are hashed in some 32 s.
 */
export const STEP_BUDGET = { names: 50_000, differing: 10_000, calls: 5000, bytes: 16 * 1024 ** 3 } as const

/** Parts of one run that are compared at the same time. */
export const MOST_PARTS = 16

/** How often a step that is under way says so. */
export const ALIVE_MS = 10_000

/** After so long without a word a part is started again: a step that failed waits for 40 s at most. */
export const STALLED_MS = 180_000

/** How long a receiver of outcomes may take to answer. */
export const NOTIFY_MS = 10_000
