/** The numbers that limit something here, each with its reason. Bytes and milliseconds unless named otherwise. */

/** What S3 takes in one PUT or copies in one CopyObject; above it both go part by part. */
export const MAX_SINGLE_PUT_BYTES = 5 * 1024 ** 3

/** What S3 allows for a key. */
export const MAX_KEY_BYTES = 1024

/** A page of 1,000 of the longest keys, three bytes of an address for one, each with its facts. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** An error, or the answer to a copy: some hundred bytes, and a keep-alive blank every few seconds before them. */
export const MAX_ANSWER_BYTES = 64 * 1024

/** How deep elements of an answer may lie in each other: a listing has four. */
export const MAX_XML_DEPTH = 16

/** How often a question is put to a store that says it is too busy: S3 asks for that much of everybody. */
export const MAX_ATTEMPTS = 3

/** How long the first wait between two of them lasts, where the store does not say; each next one is twice as long. */
export const RETRY_MS = 250

/** The longest such wait: with the others it stays below the silence that a coordinator bears. */
export const MAX_RETRY_WAIT_MS = 3000

/** How far the clock of this machine may be from the store's before that is named as the cause: S3 bears 15 minutes. */
export const MAX_SKEW_MS = 5 * 60_000
