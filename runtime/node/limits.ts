import { availableParallelism } from 'node:os'

/** The limits of this host, each with its reason. In bytes and milliseconds unless named otherwise. */

// Reading files

/** One read of a file: at 1 MiB a Node pipe equals sendfile, at 64 KiB it reaches a third of it. */
export const READ_BYTES = 1024 * 1024
/** A chunk of a sent file. A stalled client costs two: one that is sent, one that was read ahead. */
export const CHUNK_BYTES = 256 * 1024
/** Threads that hash, and threads that send: two at least, so that no large file or slow disk takes all. */
export function getMaxThreads(): number {
  // A short command has none, and node:os takes 0.5 ms to load.
  threads ??= Math.max(2, availableParallelism())
  return threads
}

let threads: number | undefined

/** Attempts to open or hash a file that keeps changing. */
export const MAX_ATTEMPTS = 3
/** The heap of a thread: several times what it needs. Without this limit it grows to 80 MiB, not to 30. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 192 } as const
/** Of the tree thread: in less room it spends a seventh of its time on collecting short-lived garbage. */
export const TREE_THREAD_LIMITS = { ...THREAD_LIMITS, maxYoungGenerationSizeMb: 16 } as const
/** How long a closing storage waits for its threads: they end in milliseconds if the file system answers. */
export const CLOSE_MS = 5000

// disk/

/** Names in one message to the disk thread: the message costs each little, and answers keep coming. */
export const MAX_BATCH_NAMES = 256
/** Batches under way: the next waits at the disk thread while it works on one. */
export const MAX_BATCHES = 2
/** A file that costs less to hash than to hand to another thread. */
export const CHEAP_BYTES = 64 * 1024
/** How long one batch may hash small files before the rest is put off. */
export const BATCH_MS = 20
/** The same in the background, where reads must hardly notice it. */
export const BACKGROUND_BATCH_MS = 2
/** How often callers whose file waits for a hash thread hear of progress: a quarter of the heartbeat. */
export const QUEUE_PROGRESS_MS = 500

// digests/

/** Digests in memory where no index keeps them: some 25 MB at 250 bytes each. */
export const MAX_REMEMBERED_DIGESTS = 100_000
/** The same before an index, which the disk thread asks for the others: a few microseconds each. */
export const MAX_RECENT_DIGESTS = 8192
/** Digests in one transaction of the index: a few milliseconds. */
export const MAX_UNWRITTEN_DIGESTS = 1000
/** How long a digest waits for others before it is written: the most that a crash loses. */
export const WRITE_INDEX_MS = 200
/** How long another process may lock the index before a write is given up, which costs hashing again. */
export const INDEX_BUSY_MS = 250
/** The first pause before an unusable index is tried again: a lock or a full disk may be over by then. */
export const INDEX_RETRY_MS = 1000
/** The longest of these pauses, each twice the one before: a try may wait `INDEX_BUSY_MS`. */
export const MAX_INDEX_RETRY_MS = 60_000
/** Pages of 4 KiB in the index's log before they move into the index, which waits for the disk. */
export const INDEX_LOG_PAGES = 8192
/** Rows of the index that are read together, in a transaction that ends soon. */
export const MAX_INDEX_PAGE = 1000
/** Rows that are read first: most walks that begin within a tree end soon. */
export const FIRST_INDEX_PAGE = 32
/** A block of the index ends with one name in 2 to this power: it holds most of a directory's files. */
export const BLOCK_GRAIN = 7
/** Files of a block: some 10 KB, whose states are asked for between two looks at the clock. */
export const MAX_BLOCK_FILES = 128
/** Blocks that are written together. */
export const MAX_UNWRITTEN_BLOCKS = 128
/** How often the background pass reports its progress. */
export const SAY_PROGRESS_MS = 10_000
/**
 * How long a file must be unchanged before its digest is remembered: a change within one tick of the file
 * system's clock leaves no trace in its times (git calls it racily clean), and FAT's clock ticks in 2 s.
 */
export const SETTLED_MS = 2000
/** The most that one write(2) moves: it sets the times when it begins, and not later (write(2), NOTES). */
export const MAX_CALL_BYTES = 2 ** 31
/** The slowest such call that is covered: 1 MiB/s, a tenth of what worn SD cards or throttled disks write. */
export const SLOWEST_CALL_BYTES_PER_MS = 2 ** 20 / 1000

// tree/

/** Entries of a tree that the calling thread reads itself: it takes less time than another takes to start. */
export const MAX_FILES_HERE = 128
/** How long the way to a directory may take to be found on a local disk. */
export const LOCAL_DISK_MS = 100
/**
 * The size of a directory that is read in one call: some 5,000 entries of ext4, and at most 32,768 on btrfs,
 * where one takes twice its name.
 */
export const SHORT_DIRECTORY_BYTES = 64 * 1024
/** Entries of one directory in memory at once; a larger one is read several times to keep memory flat. */
export const MAX_DIRECTORY_ENTRIES = 65_536
/** Entries between two looks at the clock: a few milliseconds with the costliest globs. */
export const ENTRIES_PER_LOOK = 16
/** Entries that are sorted in one go: some 10 ms. */
export const SORTED_AT_ONCE = 16_384
/** `MAX_DIRECTORY_ENTRIES` of a listing: the next 16 pages, and 2 MB for names of 50 characters. */
export const LISTING_ROOM = 16_384
/** Listings in progress at once; others wait, so that together they need some 10 MB. */
export const MAX_OPEN_LISTINGS = 4
/** Directories whose entries are remembered for the next pages of a listing: one, and large ones above it. */
export const MAX_REMEMBERED_DIRECTORIES = 4
/** The entries of the smallest directory that is remembered: reading fewer takes a millisecond. */
export const MIN_REMEMBERED_ENTRIES = 1000
/** How long they are remembered: on some network file systems a directory's time changes a while later. */
export const LISTING_MS = 10_000
/** How long the tree thread works for one listing or survey before the next has its turn. */
export const TREE_STEP_MS = 25
/** What a survey with a rate reads before it waits, as a share of a second: smooth, in few steps. */
export const PACED_STEP_MS = 50
/** Large files of a survey that wait to be hashed at once: enough for all threads. */
export const MAX_SURVEY_HASHES = 64
/** Files of a survey that wait for one before them to be hashed. */
export const MAX_FILES_AHEAD = 8192
/** How long a survey lasts before it counts the files ahead for an estimate, at a fifth of its cost. */
export const COUNT_AFTER_MS = 10_000
/** Files of one step of a survey: its lines are one message of some hundred KiB. */
export const MAX_LINES_PER_STEP = 2048
/** Large files whose contents are remembered throughout an audit: at least 16 GiB of files, in some 5 MB. */
export const MAX_PASS_FILES = 16_384
/** Spans of one grain that are remembered of a survey: the smallest of a million files; some 10 MB. */
export const MAX_REMEMBERED_SPANS = 65_536

// files/, mounts/ and write/

/** What ext4, XFS, APFS and NTFS allow for one path segment. */
export const MAX_SEGMENT_BYTES = 255
/** How long a root is trusted while its device and inode stay: new mounts below it are found after that. */
export const LOOK_FOR_MOUNTS_MS = 1000
/** Mounts below one root that are remembered: several times as many as a machine with many containers has. */
export const MAX_MOUNTS = 4096
/** How long a directory is trusted to distinguish letters' case and normal forms, once it did. */
export const EXACT_NAMES_MS = 5000
/** Directories for which that is remembered. */
export const MAX_EXACT_DIRECTORIES = 65_536
/** How long a survey waits for a sync before it remembers less: a busy disk may take minutes. */
export const SYNC_WAIT_MS = 2000
/** The pause between two syncs: each takes 8 ms where there is nothing to write, and delays other writers. */
export const SYNC_PAUSE_MS = 1000
/** The pause after a sync as a multiple of its duration: a tenth of the time is spent in syncs at most. */
export const SYNC_PAUSE_TIMES = 9
/** How far a clock may run from another before it counts as having been set; less than `SETTLED_MS`. */
export const CLOCK_STEP_MS = 1000
/** How often a writable storage looks for temporary files of killed processes, which take space. */
export const TIDY_MS = 10 * 60_000
/** How long the copying of extended attributes may take: it opens two files; only a dead disk delays it. */
export const COPY_ATTRIBUTES_MS = 10_000
/** How long a shell that copies attributes waits for the next file. */
export const ATTRIBUTE_SHELL_IDLE_MS = 500
/** How far a file's time may be from the one that was set: FAT stores even seconds only. */
export const MAX_CLOCK_STEP_MS = 2000
/** Attempts of a write to take the lock of a directory, and the pause after each: together 2 s. */
export const MAX_LOCK_ATTEMPTS = 1000
/** A lock of SQLite is taken in a few milliseconds. */
export const LOCK_RETRY_MS = 5

// http/, objects/ and observe/

/** Unread bytes of one answer of a replica: some packets, beside those in the buffers of the connection. */
export const MAX_UNREAD_BYTES = 128 * 1024
/** What is written of a chunk at once, so that the progress of a slow reader shows: a packet of loopback. */
export const PIECE_BYTES = 64 * 1024
/** An answer from memory that is sent as one text: Node takes up to 16 KiB at once, with its fields. */
export const ONE_WRITE_BYTES = 8 * 1024
/** The header section of a request: Node's default, twice the longest address and some cookies. */
export const MAX_HEADER_BYTES = 16 * 1024
/** How long a header section may take to arrive: a slower one holds a connection and nothing else. */
export const HEADERS_MS = 20_000
/** How often a server checks connections for that, and certificate files: a handshake waits for no disk. */
export const SERVER_CHECK_MS = 2000
/** How long a connection is kept for its next request: a coordinator that reads often need not reconnect. */
export const KEEP_ALIVE_MS = 15_000
/** Connections at once: below the 20,000 and more files that a server process may usually open. */
export const MAX_CONNECTIONS = 16_384
/** Requests on one connection, after which it is closed: so that none lives for ever behind a balancer. */
export const MAX_REQUESTS_PER_CONNECTION = 1_000_000
/** How long a client may stall an answer: after that it is gone, or hostile. */
export const STALLED_MS = 120_000
/** How often files of tokens and certificates are checked, at most: soon enough after one was replaced. */
export const FILES_CHECK_MS = 1000
/** Bytes of a file of tokens, which is read whole: more than ten thousand of them. */
export const MAX_TOKENS_BYTES = 1024 * 1024
/** How long before its certificate expires a server warns: a renewal was due a week before that. */
export const CERTIFICATE_WARNING_DAYS = 21
/** How long a free connection is kept: most servers keep one for longer, and say so when they do not. */
export const KEPT_MS = 4000
/** The silence after which the system probes whether the peer is still connected: two small packets. */
export const PROBE_AFTER_MS = 60_000
/** How long a client may stall a server that is ending: systemd kills a server after 30 s. */
export const CLOSING_SILENCE_MS = 5000
/** How often files with S3 credentials are read again: a session is renewed minutes before its end. */
export const AWS_SETTINGS_MS = 60_000
/**
 * How long rclone may take to start: half a second, and more on a machine that is busy or has a slow disk.
 */
export const RCLONE_START_MS = 30_000
/** How long rclone may take to end, which takes it milliseconds, before it is killed. */
export const RCLONE_STOP_MS = 3000
/** How long a directory that rclone has shown to be one, and no link, is taken for that. */
export const RCLONE_DIRECTORY_MS = 5000
/** Directories for which that is remembered. */
export const MAX_RCLONE_DIRECTORIES = 4096
/**
 * Requests to rclone at once for one replica: its own checkers. OpenSSH refuses some of ten new connections.
 */
export const MAX_RCLONE_CALLS = 8
/** Files for which another rclone is started to read them together: that takes it a tenth of a second. */
export const MIN_RCLONE_BATCH = 16
/** Names that rclone encrypts in one answer: a few hundred KiB. */
export const MAX_ENCODED_NAMES = 5000
/** How many remotes of rclone may wrap each other: nobody stacks so many, but a circle does. */
export const MAX_RCLONE_DEPTH = 16
/** Upper ends of a latency histogram, in seconds: from an answer in memory to a dead replica's silence. */
export const LATENCY_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const
/** How long a server that is ending waits for its last spans to be taken. */
export const LAST_SPANS_MS = 3000
/** Bytes of an answer to `GET /places`: `MAX_PLACES` places of 32 digits, with their quotes and commas. */
export const MAX_PLACES_BYTES = 256 * 1024
