/** The limits, each with its reason. Bytes and milliseconds unless the name says otherwise. */

/** The limit of S3 and R2 for a key, the tightest of all stores. */
export const MAX_NAME_BYTES = 1024

/** RFC 9110 §4.1 asks for at least 8,000 bytes; a percent-encoded name of the greatest length fits twice. */
export const MAX_URL_BYTES = 8192

/** Requests answered at once: with more, each only waits longer, and an early 503 beats a late answer. */
export const MAX_REQUESTS_UNDER_WAY = 2048

/** `Retry-After` when there are that many: they are answered in well under a second. */
export const OVERLOAD_RETRY_SECONDS = 1

/** How long a request body held in memory may take to arrive: 8 MiB over a slow line. */
export const BODY_MS = 30_000

/**
 * How long a client that writes may send fewer than these bytes: half a KiB a second, which the slowest line
 * carries. A silent client holds a descriptor, a temporary file and a place in a limit.
 */
export const BODY_SILENCE_MS = 30_000
export const BODY_PACE_BYTES = 16 * 1024

/** All streams sent, each a chunk and `STREAM_OVERHEAD_BYTES`: 500 stalled readers of large files fill it. */
export const MAX_STREAMED_BYTES = 256 * 1024 * 1024

/** The memory of a stream beside its chunk: its connections' buffers, and bytes that were read ahead. */
export const STREAM_OVERHEAD_BYTES = 256 * 1024

/**
 * An answer that is sent at once and not counted: a cached content at most. A larger one from memory, such as
 * a listing, counts until it is taken, in pieces of this size, so that a slow reader's progress shows.
 */
export const SMALL_ANSWER_BYTES = 64 * 1024

/** All request bodies being received: two plans of the greatest size, or 16 describe requests. */
export const MAX_RECEIVED_BYTES = 128 * 1024 * 1024

/** A body that is read at once and not counted: `MAX_REQUESTS_UNDER_WAY` of them are the budget above. */
export const SMALL_BODY_BYTES = 64 * 1024

/**
 * Files written at once, from the first byte to the answer: each takes descriptors and a temporary file, and
 * a disk writes no faster with more. Apart from reads, so that stalled writers do not block them.
 */
export const MAX_WRITES_UNDER_WAY = 128

/** Versions in a multipart answer: each comes from another replica, and people do not compare more by eye. */
export const MAX_MULTIPART_VERSIONS = 16

/** One describe answers in one round trip; at 1,024 names the answer is still a few hundred KiB. */
export const MAX_NAMES_PER_DESCRIBE = 1024

/** The greatest number of names of the greatest length, with six bytes of JSON for each byte at worst. */
export const MAX_DESCRIBE_BYTES = 8 * 1024 * 1024

/**
 * Requests for many files at once: with what each may have under way, they leave half of
 * `MAX_REQUESTS_UNDER_WAY` to others.
 */
export const MAX_PIPELINES = 32
/** Files that one of them compares at once: as many share a question, and their answers wait to be sent. */
export const MAX_READS_AHEAD = 32

/** One name at its worst, six bytes of JSON for each byte, and two digests. */
export const MAX_RESTORE_BYTES = 16 * 1024

/** A prefix at its worst, six bytes of JSON for each byte. */
export const MAX_TREE_QUESTION_BYTES = 16 * 1024

/** Two names at their worst, a digest, and permissions for each of 512 segments. */
export const MAX_MOVE_BYTES = 16 * 1024

/** Keys by which a replica signs: an old one, and the new one that replaces it, with room for more. */
export const MAX_SIGNATURES = 4

/** Characters of a line that signs: an origin of 128, and in base64 a statement and a signature. */
export const MAX_SIGNATURE_LENGTH = 512

/** Lines that sign one receipt: those of all replicas, with two keys each. */
export const MAX_NOTE_LINES = 2 * 160

/** Characters of a receipt: the longest name, percent-encoded, a path in a tree, and so many lines. */
export const MAX_NOTE_LENGTH = 256 * 1024

/** Receipts that are kept for reads of the same moment, at some 4 KiB each. */
export const MAX_KEPT_RECEIPTS = 256
/** For how long: the times in receipts have whole seconds. */
export const KEPT_RECEIPT_MS = 1000

/** Signatures that a signer keeps, to give them again for the same reading; at some 2 KiB each. */
export const MAX_KEPT_SIGNATURES = 4096

/** One line of a describe answer: a name escaped at worst, and its facts. */
export const MAX_DESCRIBE_LINE_BYTES = 16 * 1024

/** A page of the longest names, with six bytes of JSON for each byte at worst. */
export const MAX_LISTING_BYTES = 8 * 1024 * 1024

/** Characters of a replica's error message: a sentence or two, which is passed on to clients. */
export const MAX_DETAIL_LENGTH = 500

/** Values in a JSON text: a page of 1,000 entries has some 5,000. A text with more is not parsed. */
export const MAX_JSON_VALUES = 65_536

/** Items of a long array that are checked in one turn of the event loop: some 10 ms. */
export const ITEMS_IN_A_TURN = 2000

/** How long a listing is read in one turn of the event loop, whose items may take any time. */
export const TURN_MS = 10

/** Characters of an invalid value, or of its place, that a message quotes: enough to find it. */
export const MAX_WRONG_LENGTH = 100

/** A problem document of a replica: a sentence or two. */
export const MAX_PROBLEM_BYTES = 64 * 1024

/**
 * Objects that are asked for to estimate how many have to be read. The estimated share has a standard error
 * of 3 % of all objects or less, and the calls of HEAD and GET together, of 2 % or less.
 */
export const SAMPLED_OBJECTS = 256

/** Requests to a bucket or a web server at once: a client with more is throttled. */
export const MAX_OBJECTS_AT_ONCE = 32

/** Files read at once for sums beside their SHA-256: each is hashed on the thread that reads. */
export const MAX_SUMS_AT_ONCE = 4

/** Contents whose sums beside their SHA-256 are remembered, at some 400 bytes each. */
export const MAX_REMEMBERED_SUMS = 20_000

/** Digests of objects in memory, at some 300 bytes each: a Worker may use 128 MB for all it does. */
export const MAX_CACHED_DIGESTS = 50_000

/** The listing of one directory by a web server: some 300,000 entries. It is held whole. */
export const MAX_WEB_LISTING_BYTES = 32 * 1024 * 1024

/**
 * How long after a reading a web server has to show the same validators before the digest is remembered:
 * lighttpd shows earlier ones for up to a second, by a clock that counts whole seconds.
 */
export const SEEN_AGAIN_MS = 2000

/**
 * How long after the end of a reading a second look still confirms it: until then an earlier content may have
 * come back unseen. The look is due after `SEEN_AGAIN_MS`; the rest is for its turn among others.
 */
export const SEEN_AGAIN_WITHIN_MS = 5000

/** Objects of one survey that wait to be looked at again: those of two seconds, and some 10 MB. */
export const MAX_SECOND_LOOKS = 16_384

/** How long a survey waits for them, in `HEARTBEAT_MS`: two for the last one's turn, one for slow answers. */
export const MAX_SETTLING_HEARTBEATS = 3

/** How long a web server's listed directories serve the next pages: until files among them are new. */
export const WEB_LISTING_MS = 30_000

/** S3's page size, which every S3-like store shares. */
export const MAX_LISTING_PAGE = 1000

/** Keys asked of a store at least: skipped ones mostly lie together, and a request costs more than a key. */
export const MIN_LISTING_REQUEST = 100

/** The interval of a replica's signs of life: a fifth of the deadline below, so that one may be late. */
export const HEARTBEAT_MS = 2000

/** How long connecting to a replica may take: enough to resend one lost packet after a second or two. */
export const CONNECT_MS = 4000

/** How long a replica may be silent before it counts as not answering. */
export const SILENCE_MS = 10_000

/** How long a replica may make no progress, even if it sends signs of life: a terabyte is hashed in less. */
export const ANSWER_MS = 15 * 60_000

/**
 * How long a read that can do without a replica waits for it after a timeout: a round trip to most places on
 * Earth, and little beside the deadline that has passed already.
 */
export const BRIEF_MS = 100

/** How many failures in a row open a breaker: one or two may be a hiccup. */
export const BREAKER_FAILURES = 3

/** How long a breaker stays open: short, so that a recovered replica is noticed soon. */
export const BREAKER_OPEN_MS = 5000

/** How often a read is compared again when a copy changes between question and answer. */
export const MAX_COMPARISONS = 3

/** `Retry-After` of a 503: long enough for a restarted replica to listen again. */
export const RETRY_AFTER_SECONDS = 5

/** A cached content: most files read often are smaller, and a larger one gains little from a cache. */
export const MAX_CACHED_CONTENT_BYTES = 64 * 1024

/** A cached content's cost beside its bytes, as measured: very many very small ones stay within the limit. */
export const CACHED_CONTENT_COST_BYTES = 2048

/**
 * Reads whose findings are kept for the next: those under way. With more, V8 would have to keep many for
 * long.
 */
export const MAX_RECENT_READS = 64

/** All cached contents: hundreds of the largest, or five thousand of 1 KiB. */
export const CONTENT_CACHE_BYTES = 16 * 1024 * 1024

/** How long describe waits to send quick answers in one piece before it streams. */
export const FIRST_ANSWERS_MS = 5

/** How long a question waits for the batch before it: a few local round trips, and little beside a disk. */
export const MAX_BATCH_WAIT_MS = 5

/**
 * Turns of the event loop from the end of a batch to the next one. With 32 clients all of them then share a
 * question, and otherwise half of them, which takes a quarter off the processor time of a read. Empty turns
 * take microseconds; beyond four nothing more was gained.
 */
export const GATHER_TURNS = 4

/** Corrupt copies remembered, at some hundred bytes each. */
export const MAX_CORRUPT_COPIES = 10_000

/** Names in a span at most, so that names chosen to make it long do not fill the memory. */
export const MAX_SPAN_NAMES = 65_536

/**
 * The sizes of spans in an audit: some 4,096 names, so that a million names make 250 lines; then 256 and 16
 * where spans differ, then names. A difference costs some 50 lines on each side.
 */
export const SPAN_GRAINS = [12, 8, 4] as const

/**
 * The same where a replica charges for the calls of a listing, each of which has a thousand names: some 256
 * names, and then the names. A difference costs one more call, in place of ten.
 */
export const PAID_SPAN_GRAINS = [8] as const

/** The calls of LIST that a difference costs in each bucket: a span with it has 512 names, by the mean. */
export const LISTS_PER_DIFFERENCE = 1.1

/**
 * Names in a summary at which an audit can be split: a part of 16 is then at most a sixteenth too large. They
 * are of no use to small trees, and so are some `MARK_NAMES` apart at least.
 */
export const MAX_MARKS = 256
export const MARK_NAMES = 4096

/** Ranges in one survey: trees that differ in more places take several surveys. */
export const MAX_SURVEY_RANGES = 64

/** A survey request: its ranges, each of two names at their worst, and its globs. */
export const MAX_SURVEY_BYTES = 2 * 1024 * 1024

/** Globs in one survey: every name is matched against each. */
export const MAX_GLOBS = 64

/** Lines that are read ahead of the comparison, so that a slow replica does not delay the others. */
export const MAX_LINES_AHEAD = 1024

/** How often a survey reports its progress. */
export const PROGRESS_MS = 1000

/** Characters of the text that chooses which names an audit has proved. */
export const MAX_SEED_LENGTH = 64

/** How many of the names that differ since an earlier audit are given. */
export const MAX_NEW_EXAMPLES = 20
/** Bytes that a step of an audit reads in a second at most: more than it can hash, so that it never waits. */
export const STEP_READ_RATE = 1e12
/** How many of the ranges that were not compared on all replicas are given. */
export const MAX_UNVERIFIED_EXAMPLES = 20
/** How many audits a ledger remembers; what they found is kept without a limit. */
export const MAX_LEDGER_AUDITS = 10_000
/** How many signed trees a ledger keeps: those of 27 years of nights, in some 5 MB. */
export const MAX_LEDGER_TREES = 10_000
/** How many names of a ledger are read at a time. */
export const LEDGER_PAGE = 10_000
/** Bytes of the body of `POST /verify`: four numbers. */
export const MAX_VERIFY_BYTES = 1024
/** Names that are asked for again together before they are reported. */
export const AUDIT_BATCH_NAMES = 256
/**
 * How long names may wait for others of their batch in a verification, which is noted to have come so far.
 */
export const REPORT_NAMES_MS = 10_000

/**
 * Steps of a scheduled verification: a few an hour in a month, and audits in the ledger for forty periods.
 */
export const VERIFY_STEPS = 240
/** The share of a period that a scheduled verification leaves for restarts, and replicas that are away. */
export const VERIFY_RESERVE = 0.1
/** The least bytes a second of a step: slower ones would keep a survey open for days, to read a few files. */
export const MIN_VERIFY_RATE = 64 * 1024
/** The least bytes of a step: a second's worth of the slowest. */
export const MIN_VERIFY_STEP_BYTES = MIN_VERIFY_RATE
/** Half the first pause after a failure; each further failure doubles it. */
export const VERIFY_RETRY_MS = 30_000
/** The longest of these pauses. */
export const MAX_VERIFY_RETRY_MS = 60 * 60_000
/** The longest timer: a clock that was set, or a verification by hand, counts after that. */
export const MAX_VERIFY_SLEEP_MS = 60 * 60_000

/** Audits at once: each surveys all files of every replica. */
export const MAX_AUDITS = 4

/** Rules of a plan: one for each folder with its own policy. */
export const MAX_RULES = 256

/** A plan to apply: some 200,000 steps. It is held whole; a larger one must be made prefix by prefix. */
export const MAX_PLAN_BYTES = 64 * 1024 * 1024

/** Steps of a plan: as many of the shortest as `MAX_PLAN_BYTES` hold. */
export const MAX_PLAN_STEPS = 500_000

/**
 * Characters of a step: two of the worst names, escaped, and `MAX_REPLICAS` times the longest id and a
 * digest.
 */
export const MAX_STEP_LENGTH = 40 * 1024

/** Entries of a web server's directory: as many of the shortest as `MAX_WEB_LISTING_BYTES` hold. */
export const MAX_WEB_ENTRIES = 700_000

/** Entries held of nested directories while a web server is listed: more than the largest, some 200 MB. */
export const MAX_WEB_HELD_ENTRIES = 1_000_000

/**
 * Entries of a directory after which Caddy's `browse` leaves out the rest, unless `file_limit` is another.
 */
export const CADDY_ENTRIES = 10_000

/** Characters of one such entry: the longest name, escaped at worst, and some fields beside it. */
export const MAX_WEB_ENTRY_LENGTH = 16 * 1024

/** The depth of nested elements in XML: a listing of S3 has four, one of WebDAV five. */
export const MAX_XML_DEPTH = 16

/**
 * A request for properties of WebDAV: clients send some 500 bytes. What they ask for that is not known is
 * repeated for each file.
 */
export const MAX_PROPFIND_BYTES = 4096

/** Characters of one item in XML: the longest name, escaped at worst, and thirty properties beside it. */
export const MAX_XML_ITEM_LENGTH = 16 * 1024

/**
 * `Replica-Status`. nginx reads an answer's whole header section into one page of 4 KiB by default
 * (`proxy_buffer_size`), and the other fields take up to 1.4 KiB beside a name of usual length.
 */
export const MAX_REPLICA_STATUS_BYTES = 2560

/** Seconds of an age: the greatest in HTTP (RFC 9111 §1.2.2), 68 years. */
export const MAX_AGE_SECONDS = 2 ** 31 - 1

/** Replicas in one answer: more than fit into `MAX_REPLICA_STATUS_BYTES` with ids of one letter. */
export const MAX_REPLICAS = 160

/** Ranges in one request, as Apache's `MaxRanges`: each may cost a file to be opened. */
export const MAX_RANGES = 200

/** The gap between two ranges that is read, and not sent, rather than open the file again. */
export const MAX_RANGE_GAP_BYTES = 64 * 1024

/** Names of a plan written at once: enough for slow disks, few enough to leave capacity for reads. */
export const MAX_STEPS_UNDER_WAY = 4

/** Names missing somewhere that are held, to find renamed files and twins: 15 MB, and 50 for a moment. */
export const MAX_MISSING_HELD = 65_536

/**
 * Parts at the end of their names by which files with the same content are paired: folders are rarely deeper.
 */
export const MAX_COMPARED_PARTS = 8

/** Surveys of a replica server at once: an audit has up to five, and each coordinator may run 4 audits. */
export const MAX_SURVEYS = 64

/** Plans received or applied at once: each is held whole. */
export const MAX_APPLIED = 2

/** Characters of a glob, each of which every name is matched against. */
export const MAX_GLOB_LENGTH = 256

/** Characters of all globs of one list: matching the longest name then takes half a millisecond at worst. */
export const MAX_GLOBS_LENGTH = 2048

/** Files of a folder that WebDAV compares in one go: a client that takes nothing keeps so many in memory. */
export const MAX_COMPARED_ROWS = 128
/** How many such comparisons are under way at once; the others wait, so that other requests are answered. */
export const MAX_FOLDER_TURNS = 2
/** How long one of them makes the others wait. */
export const FOLDER_TURN_MS = 250

/** Listings at once. A large directory takes a fraction of a second. */
export const MAX_LISTINGS = 64

/** Characters of a span at most; as `MAX_SPAN_NAMES`, for long names. */
export const MAX_SPAN_LENGTH = 8 * 1024 * 1024

/** Rows of one page for a browser: few enough for one request to each replica, and for people to read. */
export const PAGE_ROWS = 100

/** Rows of one page of a folder for programs, most of which follow no link to the next. */
export const MAX_DIRECTORY_ROWS = 10_000

/** Listings for one page of a folder: each large folder in it takes another, and a page must end. */
export const MAX_PAGE_LISTINGS = 32

/** Audits of every name that the front shows over time: a quarter of a year of nightly ones. */
export const PAGE_RUNS = 90

/**
 * Names that a page counts one by one in the ledger: each costs some microseconds, while other requests wait.
 */
export const MAX_PAGE_COUNTED = 5000

/** Changes of one name that its page shows: people do not read more; `vouch history` prints all. */
export const PAGE_CHANGES = 20

/** Writes that a page plans and applies at once: they are held whole. `vouch plan` makes larger plans. */
export const MAX_PAGE_STEPS = 10_000

/** How long a page waits for what it could show later: people do not wait longer for a page. */
export const PAGE_WAIT_MS = 5000

/** Bytes of a text that a page compares by line: people do not read more on a page. */
export const MAX_PAGE_TEXT_BYTES = 256 * 1024

/** Removed and added lines that a page shows: finding them takes quadratic time. */
export const MAX_PAGE_DIFF_LINES = 1000

/** How long a page may search for them: other requests wait meanwhile. */
export const PAGE_DIFF_MS = 250

/** Bytes of two versions that a page reads to find a difference: a second or so in a local network. */
export const MAX_PAGE_READ_BYTES = 64 * 1024 * 1024

/** Bytes of an image that a page shows: enough for the largest photos, and not too many for a phone. */
export const MAX_PAGE_IMAGE_BYTES = 16 * 1024 * 1024

/** Bytes shown where two contents begin to differ: one line of a hex dump. */
export const DIFFERING_BYTES = 16

/** A form of a page: what each replica held of one name, for more than a thousand replicas. */
export const MAX_FORM_BYTES = 256 * 1024

/** Versions that a page compares with the first, all at once: people do not read more. */
export const MAX_PAGE_DIFFERENCES = 4

/** Pages that compare versions at once: each may block other requests for `PAGE_DIFF_MS` a version. */
export const MAX_PAGES_COMPARING = 4

/** Names reported for each kind of skipped entry: enough to find the others. */
export const MAX_PASSED_EXAMPLES = 5

/** Characters of such a name: its folder and its end. Five of each kind must fit in a line of a survey. */
export const MAX_PASSED_EXAMPLE_LENGTH = 400

/** Places above a replica's own: no system accepts a path of more directories. */
export const MAX_PLACES = 2048

/** Replicas whose failures one message lists, each in its own words: people do not read more there. */
export const MAX_FAILURES_LISTED = 10

/** How long a ready coordinator waits for failures of other replicas: a probe waits for a second at most. */
export const READY_OTHERS_MS = 250

/**
 * A list of sums as a replica: some 1.2 million names. It is held whole while it is read, and half of it
 * later.
 */
export const MAX_LIST_BYTES = 128 * 1024 * 1024

/**
 * Lines of a list that are not understood: with more, it is another kind of file, and not read to its end.
 */
export const MAX_LIST_FAULTS = 10_000

/**
 * Memory for the names of entries of a list that are no files, such as symbolic links: more are counted
 * without names.
 */
export const MAX_LIST_PASSED_BYTES = 16 * 1024 * 1024

/** Of which each entry takes this beside the characters of its name. */
export const PASSED_ENTRY_BYTES = 100
