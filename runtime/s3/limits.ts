/** The numbers that limit something, each with its reason. Bytes and milliseconds unless named otherwise. */

/** What S3 accepts in one PUT or one CopyObject; larger objects need several parts. */
export const MAX_SINGLE_PUT_BYTES = 5 * 1024 ** 3

/** The longest key of S3. */
export const MAX_KEY_BYTES = 1024

/** A page of 1,000 of the longest keys, at three bytes for each byte percent-encoded, with their facts. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** An error, or the answer to a copy: some hundred bytes after a keep-alive blank every few seconds. */
export const MAX_ANSWER_BYTES = 64 * 1024

/** Attempts for a request to a store that is too busy: S3 asks clients to retry. */
export const MAX_ATTEMPTS = 3

/** The first wait between two attempts, without `Retry-After`; each further wait is twice as long. */
export const RETRY_MS = 250

/** The longest wait: all waits together stay below the silence after which a coordinator gives up. */
export const MAX_RETRY_WAIT_MS = 3000

/** How far this machine's clock is from the store's when that is reported: S3 accepts 15 minutes. */
export const MAX_SKEW_MS = 5 * 60_000
