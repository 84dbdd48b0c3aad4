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
