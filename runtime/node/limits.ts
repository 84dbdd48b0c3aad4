/** The numbers that limit something on this host, each with its reason. Bytes and milliseconds unless named otherwise. */

/** One read of a file: at 1 MiB a Node pipe equals sendfile, at 64 KiB it reaches a third of it. */
export const READ_BYTES = 1024 * 1024

/** What may wait to be read of one answer of a replica: some packets, beside those in the buffers of the connection. */
export const MAX_UNREAD_BYTES = 128 * 1024

/**
 * A chunk of a large file that is sent: what a reader that takes nothing costs. The next is read while one is sent, so that
 * chunks of 1 MiB would send a file no faster.
 */
export const CHUNK_BYTES = 256 * 1024

/** The first bytes of a chunk, by which is seen whether its reader takes any: as much as a packet of loopback holds. */
export const FIRST_BYTES = 64 * 1024

/** Header section of a request: Node's own default, twice the longest address with room for a cookie of nobody's. */
export const MAX_HEADER_BYTES = 16 * 1024

/** How long a header section may take to arrive: one that takes longer holds a connection and nothing else. */
export const HEADERS_MS = 20_000

/** How often that is looked at, and connections that are to be closed for it. */
export const CHECK_CONNECTIONS_MS = 2000

/** How long a connection is kept for its next request: a coordinator that reads often never has to connect anew. */
export const KEEP_ALIVE_MS = 15_000

/** Connections at once: below the 20,000 and more files that a server process may usually open. */
export const MAX_CONNECTIONS = 16_384

/** Requests on one connection, after which it is closed: so that none lives for ever behind a balancer. */
export const MAX_REQUESTS_PER_CONNECTION = 1_000_000

/** How long a client may take nothing of an answer that waits for it: after that it is gone, or means harm. */
export const STALLED_MS = 120_000

/** How often files of tokens and certificates are looked at, at most: soon enough for whoever replaced one. */
export const FILES_CHECK_MS = 1000

/** How often a server looks at the files of its certificate: a handshake waits for no disk. */
export const CERTIFICATE_CHECK_MS = 2000

/** How long before its certificate expires a server warns: a renewal that failed was due a week before that. */
export const CERTIFICATE_WARNING_DAYS = 21

/** How long a connection is silent until the system asks whether the peer is still there: that costs two small packets. */
export const PROBE_AFTER_MS = 60_000

/** How long a client that has to go on may be silent while the server ends: systemd kills a server after 30 s. */
export const CLOSING_SILENCE_MS = 5000

/** How often files with credentials for S3 are read again: whoever renews a session in one does so minutes before its end. */
export const AWS_SETTINGS_MS = 60_000

/** Names in one message to the disk thread: a message then costs each name little, and answers keep coming. */
export const MAX_BATCH_NAMES = 256

/** Batches under way: while the disk thread works on one, the next is there already. */
export const MAX_BATCHES = 2

/** A file that costs less to hash than to hand to another thread. */
export const CHEAP_BYTES = 64 * 1024

/** How long one batch may hash small files before it puts off the rest, so that others get their turn. */
export const BATCH_MS = 20

/** The same in the background, where reads must hardly notice it. */
export const BACKGROUND_BATCH_MS = 2

/** How often those whose file waits for a hash thread hear that the store is at work; a quarter of the heartbeat. */
export const QUEUE_PROGRESS_MS = 500

/** Digests remembered: at about 250 bytes each some 25 MB, for the files that a busy server reads again and again. */
export const MAX_REMEMBERED_DIGESTS = 100_000

/** Digests collected before they are written to the index: a transaction of this size takes a few milliseconds. */
export const MAX_UNWRITTEN_DIGESTS = 1000

/** How long a digest waits for others before it is written: what a crash costs at most. */
export const WRITE_INDEX_MS = 200

/** How long another process may hold the index before a write is given up, which costs hashing once more. */
export const INDEX_BUSY_MS = 250

/** How long until an index that another holds is tried again: opening one takes a few milliseconds. */
export const INDEX_PAUSE_MS = 5

/** The first pause until an index that cannot be used is tried again: a lock or a full disk may be over by then. */
export const INDEX_RETRY_MS = 1000

/** The longest of these pauses, each twice the one before: a try may wait `INDEX_BUSY_MS` for a lock. */
export const MAX_INDEX_RETRY_MS = 60_000

/** Pages of 4 KiB in the log of the index until they go into the index itself, for which the disk is waited for. */
export const INDEX_LOG_PAGES = 8192

/** How often the background pass says how far it is. */
export const SAY_PROGRESS_MS = 10_000

/**
 * How long a file must have been left alone before its digest is remembered: a change within one tick of the file
 * system's clock leaves no trace in its times (git calls such a file racily clean), and FAT's clock ticks in 2 s.
 */
export const SETTLED_MS = 2000

/**
 * What one write(2) moves at most: its times are set when it begins, and what it changes after that shows nowhere. See
 * write(2), NOTES.
 */
export const MAX_CALL_BYTES = 2 ** 31

/**
 * How slow such a call is taken to be at worst: 1 MiB a second, a tenth of what a worn SD card or a throttled cloud disk writes.
 * A call that is slower, because its source or its disk is, is not covered.
 */
export const SLOWEST_CALL_BYTES_PER_MS = 2 ** 20 / 1000

/** How long a survey waits for a sync before it goes on and remembers less: a disk with much to write may take minutes. */
export const SYNC_WAIT_MS = 2000

/** The pause between two syncs: each takes 8 ms where there is nothing to write, and delays other writers. */
export const SYNC_PAUSE_MS = 1000

/** The pause after a sync, as a multiple of how long it took: no more than a tenth of the time is spent in them. */
export const SYNC_PAUSE_TIMES = 9

/** How far a clock may run from another until it is taken to have been set; less than `SETTLED_MS`. */
export const CLOCK_STEP_MS = 1000

/** How often a file that changes while it is opened or hashed is tried again before that is the answer. */
export const MAX_ATTEMPTS = 3

/** Rows of the index that are read together, in a transaction of their own that is over soon. */
export const MAX_INDEX_PAGE = 1000

/** Rows that are read first: most walks that begin within a tree end soon. */
export const FIRST_INDEX_PAGE = 32

/** Entries of one directory kept at once: a larger one is read again for the next so many, so that memory stays flat. */
export const MAX_DIRECTORY_ENTRIES = 65_536

/** Entries of a directory that are looked at before the clock is: with the costliest globs that takes a few milliseconds. */
export const ENTRIES_PER_LOOK = 16

/** Entries that are sorted in one go, which takes some 10 ms. */
export const SORTED_AT_ONCE = 16_384

/** Entries of one directory that a listing keeps at once: enough for the next 16 pages, and 2 MB for names of 50 characters. */
export const LISTING_ROOM = 16_384

/** Listings in progress at once; others wait for one of them to end, so that together they need some 10 MB. */
export const MAX_OPEN_LISTINGS = 4

/** Directories whose entries are remembered for the next pages of a listing: one, and large ones above it. */
export const MAX_REMEMBERED_DIRECTORIES = 4

/** How many entries a directory must have to be remembered: reading fewer takes a millisecond. */
export const MIN_REMEMBERED_ENTRIES = 1000

/**
 * How long they are remembered, at most. They are forgotten as soon as the directory shows another time; some network
 * file systems show none for a while.
 */
export const LISTING_MS = 10_000

/** How long the tree thread works for one listing or survey before it takes up the next. */
export const TREE_STEP_MS = 25

/** Large files of a survey that wait to be hashed at once: enough for all threads, and so many to be kept waiting. */
export const MAX_SURVEY_HASHES = 64

/** Files of a survey seen after one that is still being hashed. */
export const MAX_FILES_AHEAD = 8192

/**
 * How long a survey lasts until its files are counted ahead of it, which costs up to a fifth of it: whoever waits longer
 * wants to know for how long. While it waits for large files to be hashed it counts at once.
 */
export const COUNT_AFTER_MS = 10_000

/** Files that one step of a survey looks at: what it says is then handed over in one piece of some hundred KiB. */
export const MAX_LINES_PER_STEP = 2048

/** How often a storage that is open for writing looks for drafts of processes that were killed: they take space. */
export const TIDY_MS = 10 * 60_000

/** How long the program that copies extended attributes may take: it opens two files, which only a dead disk holds up. */
export const COPY_ATTRIBUTES_MS = 10_000

/** How far a file's time may be from the one that it was given: FAT tells even seconds only. */
export const MAX_CLOCK_STEP_MS = 2000

/** How often a write that finds another process in its place tries again, and how long it waits in between. */
export const MAX_TURN_ATTEMPTS = 400
export const TURN_MS = 5

/**
 * The heap of a thread that goes through trees or answers from the index: several times what it ever needs. Told so, the
 * collector keeps it at some 30 MiB, where it would let it grow to 80.
 */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 192 } as const

/** Of the thread that goes through a tree: in less room a seventh of its time goes into collecting what soon is garbage. */
export const TREE_THREAD_LIMITS = { ...THREAD_LIMITS, maxYoungGenerationSizeMb: 16 } as const

/**
 * Large files of which an audit remembers the contents from its first look to its last: of 16 GiB at least, since smaller
 * ones are not among them; some 5 MB.
 */
export const MAX_PASS_FILES = 16_384

/** Spans of one grain that are remembered of a survey: of the smallest, as a million files make them; some 10 MB. */
export const MAX_REMEMBERED_SPANS = 65_536

/**
 * Seconds, the upper ends of a latency histogram: from an answer out of memory, over a disk and a distant network, to the
 * silence after which a replica counts as not answering.
 */
export const LATENCY_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const

/** How long a server that ends waits for its last spans to be taken. */
export const LAST_SPANS_MS = 3000

/** Bytes of that answer: `MAX_PLACES` places of 32 digits, with their quotes and commas. */
export const MAX_PLACES_BYTES = 256 * 1024

/** What ext4, XFS, APFS and NTFS allow for one path segment. */
export const MAX_SEGMENT_BYTES = 255

/** How long a root is taken to be what it was, as long as its device and its inode are: new mounts are met after that. */
export const LOOK_FOR_MOUNTS_MS = 1000

/** Mounts below one root that are remembered: several times as many as a machine with many containers has. */
export const MAX_MOUNTS = 4096

/** How long a directory is taken to tell letters' case or normal forms apart, once it was seen to do so. */
export const EXACT_NAMES_MS = 5000

/** Directories of which that is remembered. */
export const MAX_EXACT_DIRECTORIES = 65_536

/**
 * How long a storage that is closed waits for its threads, which end in some milliseconds: one that a file system gives no
 * answer to is then left behind.
 */
export const CLOSE_MS = 5000
