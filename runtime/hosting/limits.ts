/** The limits of a server on this machine, each with its reason. */

/** Characters of log lines waiting for a slow reader: thousands of requests. Later lines are dropped. */
export const MAX_WAITING_LINES_LENGTH = 1024 * 1024

/** How long an ending server waits for the reader of its log: ample for a pipe, little if it stalls. */
export const LOG_FLUSH_MS = 1000

/** Processes of one server: more than the processors of most machines; each takes some 150 MiB. */
export const MAX_WORKERS = 64

/** The first pause before a worker that crashed is replaced; each further crash doubles it. */
export const RESTART_MS = 250

/** The longest of these pauses. */
export const MAX_RESTART_MS = 30_000

/** How long a worker must have listened for its next crash to be the first again. */
export const STEADY_MS = 60_000

/** How long a scrape of the metrics waits for a worker: Prometheus itself waits 10 s. */
export const METRICS_MS = 2000

/** The most that a pipe takes in one piece: `PIPE_BUF` of Linux; POSIX promises 512. */
export const WHOLE_WRITE_BYTES = 4096

/** How often a server checks when its certificate expires. */
export const EXPIRY_CHECK_MS = 24 * 60 * 60 * 1000

/** How long a receiver of outcomes may take to answer. */
export const NOTIFY_MS = 10_000

/** The pauses before an outcome is sent again to a receiver that fails. */
export const NOTIFY_PAUSES_MS = [1000, 5000, 20_000]

/** Bytes of a file of keys: a private one has 119, and a public one some 110 a line. */
export const MAX_KEY_FILE_BYTES = 64 * 1024
