/** The numbers that limit something, each with its reason. Bytes and milliseconds unless the name says otherwise. */

/** What R2 takes in one upload, 5 MiB less than 5 GiB: an upload of parts takes more, but cannot be made conditional. */
export const MAX_R2_PUT_BYTES = 5_363_466_240

/** What R2 takes for a key. */
export const MAX_R2_KEY_BYTES = 1024

/** Letters of a token: what `--token-file` takes, too long to be guessed. */
export const MIN_TOKEN_LENGTH = 16

/** Small contents that a coordinator keeps in memory: a Worker has 128 MB for all that it does. */
export const KEPT_CONTENTS_BYTES = 16 * 1024 * 1024
