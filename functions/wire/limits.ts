/** The numbers that limit something, each with its reason. Bytes and milliseconds unless the name says otherwise. */

/** What S3 and R2 allow for a key, the tightest of the stores behind an adapter. */
export const MAX_NAME_BYTES = 1024

/** RFC 9110 §4.1 asks for at least 8,000 bytes; a percent-encoded name of the greatest length fits twice. */
export const MAX_URL_BYTES = 8192

/** Requests being answered at once: beyond it each only waits longer, and an early 503 is kinder than a late answer. */
export const MAX_REQUESTS_UNDER_WAY = 2048

/** What a client is told to wait when there are that many: they are done in well under a second. */
export const OVERLOAD_RETRY_SECONDS = 1

/** How long the body of a question may take to arrive: 8 MiB at the pace of a slow line. */
export const BODY_MS = 30_000

/**
 * How long a client may send next to nothing of a file that it writes, and what counts as more than that: half a KiB a
 * second, which the slowest line carries. A silent client holds a descriptor, a draft and a turn.
 */
export const BODY_SILENCE_MS = 30_000
export const BODY_PACE_BYTES = 16 * 1024

/**
 * Streams that are being sent, together: of each the chunk that its reader takes, and `STREAM_OVERHEAD_BYTES` for what
 * lies beneath it. Some 500 readers of large files that take nothing fill it.
 */
export const MAX_STREAMED_BYTES = 256 * 1024 * 1024

/** What a stream holds beside its chunk: buffers of its connections, and what a replica has sent ahead. */
export const STREAM_OVERHEAD_BYTES = 256 * 1024

/**
 * An answer from memory that is sent in one go and not counted: no larger than a content that is kept in memory anyway.
 * A larger one, as a page of a listing may be, counts whole until its reader has taken it, and is sent in pieces of this
 * size, so that a slow reader is seen to get on.
 */
export const SMALL_ANSWER_BYTES = 64 * 1024

/** Bodies of questions that are being received, together: two plans of the greatest size, or 16 questions of theirs. */
export const MAX_RECEIVED_BYTES = 128 * 1024 * 1024

/** A body that is read in one go and not counted: as many as there may be requests take no more than that again. */
export const SMALL_BODY_BYTES = 64 * 1024

/**
 * Files written at once, from the first byte of the body to the answer: each takes descriptors and a temporary file, and
 * one disk writes no faster for more of them. Clients that send nothing take no place from reads.
 */
export const MAX_WRITES_UNDER_WAY = 128

/** Versions in one multipart answer: each is read from another replica, and nobody compares more by eye. */
export const MAX_MULTIPART_VERSIONS = 16

/** One describe answers in one round trip; at 1,024 names the answer is still a few hundred KiB. */
export const MAX_NAMES_PER_DESCRIBE = 1024

/** Names of the greatest number and length fit at their worst, six bytes of JSON for one; nothing needs more. */
export const MAX_DESCRIBE_BYTES = 8 * 1024 * 1024

/** A question of one name at its worst, six bytes of JSON for one, and two digests. */
export const MAX_RESTORE_BYTES = 16 * 1024

/** One line of a describe answer: a name escaped at its worst, and its facts. */
export const MAX_DESCRIBE_LINE_BYTES = 16 * 1024

/** A page of the longest names at their worst, six bytes of JSON for one. */
export const MAX_LISTING_BYTES = 8 * 1024 * 1024

/** Characters of what a replica says went wrong: a sentence or two, which goes on to clients. */
export const MAX_DETAIL_LENGTH = 500

/** Values in a text of JSON: a page of 1,000 entries has some 5,000. More are refused before the text is parsed. */
export const MAX_JSON_VALUES = 65_536

/** Items of a long array that are checked in one turn of the loop: some 10 ms. */
export const ITEMS_IN_A_TURN = 2000

/** Characters of a wrong value, or of its place, that a refusal quotes: enough to find it by. */
export const MAX_WRONG_LENGTH = 100

/** A problem document of a replica: a sentence or two. */
export const MAX_PROBLEM_BYTES = 64 * 1024

/** Objects of a bucket, or files of a web server, asked about at once: a client with more is told to slow down. */
export const MAX_OBJECTS_AT_ONCE = 32

/** Digests of objects remembered in memory, at some 300 bytes each: a Worker may use 128 MB for all it does. */
export const MAX_CACHED_DIGESTS = 50_000

/** The listing of one directory by a web server: some 300,000 entries. It is held whole. */
export const MAX_WEB_LISTING_BYTES = 32 * 1024 * 1024

/**
 * How long after the end of a reading a web server has to show the same validators before the digest is remembered:
 * lighttpd shows those of an earlier content for up to a second, by a clock that counts whole seconds.
 */
export const SEEN_AGAIN_MS = 2000

/**
 * How long after the end of a reading a second look still confirms it: until then an earlier content may have come back
 * unseen. The look is due after `SEEN_AGAIN_MS`; the rest is for its turn among others.
 */
export const SEEN_AGAIN_WITHIN_MS = 5000

/** Objects of one survey that wait to be looked at again: those of two seconds, and some 10 MB. */
export const MAX_SECOND_LOOKS = 16_384

/** How long a survey waits for them at its end, in `HEARTBEAT_MS`: two for the last one's turn, one for slow answers. */
export const MAX_SETTLING_HEARTBEATS = 3

/** How long directories that a web server has listed serve the pages that follow: until files among them are new. */
export const WEB_LISTING_MS = 30_000

/** S3's page size, which every S3-like store shares. */
export const MAX_LISTING_PAGE = 1000

/** Keys that are asked of a store at least: most of what is passed over lies together, and a request costs more than a key. */
export const MIN_LISTING_REQUEST = 100

/** A replica that works must say so at least this often; a fifth of the deadline below leaves room for one that is late. */
export const HEARTBEAT_MS = 2000

/** How long a connection to a replica may take to come about: one packet lost, and sent again after a second or two. */
export const CONNECT_MS = 4000

/** How long a replica may be silent before it counts as not answering. */
export const SILENCE_MS = 10_000

/**
 * How long the answers of all replicas to one question may take, however lively they are: a terabyte is hashed in less,
 * and a replica that only ever says that it works must not keep a read for ever.
 */
export const ANSWER_MS = 15 * 60_000

/** How many failures in a row it takes until a replica is not asked for a while: one or two may be a hiccup. */
export const BREAKER_FAILURES = 3

/** How long it is then not asked: short enough that nobody waits for it to be noticed when it is back. */
export const BREAKER_OPEN_MS = 5000

/** How often a read is compared anew when a copy changes between question and answer. */
export const MAX_COMPARISONS = 3

/** What a client is told to wait after a 503: long enough for a restarted replica to listen again. */
export const RETRY_AFTER_SECONDS = 5

/** A content kept in memory: most files that are read often are smaller, and a larger one gains little by it. */
export const MAX_KEPT_CONTENT_BYTES = 64 * 1024

/** What keeping a content costs beside its bytes, so that very many very small ones stay within the limit too. */
export const KEPT_CONTENT_COST_BYTES = 1024

/** All contents kept in memory: a thousand of the largest, tens of thousands of 1 KiB. */
export const KEPT_CONTENTS_BYTES = 64 * 1024 * 1024

/** How long describe waits for its quick answers before it streams what it has: they then go out in one piece. */
export const FIRST_ANSWERS_MS = 5

/** How long a question waits for the batch before it: some round trips of a local network, and nothing beside a disk. */
export const MAX_BATCH_WAIT_MS = 5

/** Corrupt copies remembered: more than anyone should have, at some hundred bytes each. */
export const MAX_SUSPECTS = 10_000

/** Names in a span beyond which it is closed, so that names chosen to make it long do not fill the memory. */
export const MAX_SPAN_NAMES = 65_536

/**
 * How closely two trees are compared, step by step: spans of some 4,096 names, of which a million make 250 lines, then of
 * 256 and of 16 where they differ, then the names. A difference costs some
 * 50 lines on each side.
 */
export const SPAN_GRAINS = [12, 8, 4] as const

/** Ranges in one survey: where two trees differ more often than that, they are asked about in turns. */
export const MAX_SURVEY_RANGES = 64

/** A survey's question: its ranges, each of two names at their worst, and its globs. */
export const MAX_SURVEY_BYTES = 2 * 1024 * 1024

/** Globs in one survey: every name is held against every one. */
export const MAX_GLOBS = 64

/** Lines that are read ahead of whoever compares, so that a replica that is behind holds up none that is ahead of it. */
export const MAX_LINES_AHEAD = 1024

/** How often a survey says how far it is. */
export const PROGRESS_MS = 1000

/** Names that are looked at again at once before they are reported. */
export const AUDIT_BATCH_NAMES = 256

/** Audits at once: each has every replica look at all its files. */
export const MAX_AUDITS = 4

/** Rules of a plan: one for each folder that somebody tells apart. */
export const MAX_RULES = 256

/** A plan that is to be applied: some 200,000 steps. It is held whole; a larger one is made prefix by prefix. */
export const MAX_PLAN_BYTES = 64 * 1024 * 1024

/** Steps of a plan: as many of the shortest as `MAX_PLAN_BYTES` hold. */
export const MAX_PLAN_STEPS = 500_000

/** Characters of one step: a name escaped at its worst, and for each of `MAX_REPLICAS` an id and a digest at their longest. */
export const MAX_STEP_LENGTH = 32 * 1024

/** Entries of one directory that a web server lists: as many of the shortest as `MAX_WEB_LISTING_BYTES` hold. */
export const MAX_WEB_ENTRIES = 700_000

/**
 * Entries of directories inside each other that are held while a web server's listings are gone through: more than the
 * largest directory, and some 200 MB.
 */
export const MAX_WEB_HELD_ENTRIES = 1_000_000

/** Characters of one such entry: a name of the greatest length escaped at its worst, and some fields beside it. */
export const MAX_WEB_ENTRY_LENGTH = 16 * 1024

/**
 * `Replica-Status`. nginx reads an answer's whole header section into one page of 4 KiB unless told otherwise
 * (`proxy_buffer_size`), and the other fields take up to 1.4 KiB beside a name of usual length.
 */
export const MAX_REPLICA_STATUS_BYTES = 2560

/** Seconds of an age: the greatest that HTTP knows (RFC 9111 §1.2.2), 68 years. */
export const MAX_AGE_SECONDS = 2 ** 31 - 1

/** Replicas in one answer: more than fit into `MAX_REPLICA_STATUS_BYTES` with ids of one letter. */
export const MAX_REPLICAS = 160

/** Names of a plan that are worked on at once: enough to keep slow disks busy, and few enough to leave reads their share. */
export const MAX_STEPS_UNDER_WAY = 4

/** Surveys that a replica server makes at once: one audit has up to five open, each inside another, and 4 audits run. */
export const MAX_SURVEYS = 64

/** Plans that are read or applied at once: each is held whole. */
export const MAX_APPLIED = 2

/** Characters of a glob: every name is held against every one of them, and nobody writes longer ones. */
export const MAX_GLOB_LENGTH = 256

/** Characters of all globs of one list: matching the longest name then takes half a millisecond at worst. */
export const MAX_GLOBS_LENGTH = 2048

/** Listings that a server works on at once. A large directory takes a fraction of a second, and they take turns. */
export const MAX_LISTINGS = 64

/** Characters of a span's text beyond which it is closed; as `MAX_SPAN_NAMES`, for names that are long as well. */
export const MAX_SPAN_LENGTH = 8 * 1024 * 1024

/** Rows of one page for a browser: what one question per replica answers, and what people look through at a time. */
export const PAGE_ROWS = 100

/** Listings behind one page of a folder: each large folder in it takes another, and a page must not take for ever. */
export const MAX_PAGE_LISTINGS = 32

/** How long a page waits for what it could also show later: people wait no longer for a page. */
export const PAGE_WAIT_MS = 5000

/** Bytes of a text whose lines a page compares: more nobody reads on one. */
export const MAX_PAGE_TEXT_BYTES = 256 * 1024

/** Lines taken away or added that a page shows: finding them takes time in the square of their number. */
export const MAX_PAGE_DIFF_LINES = 1000

/** How long a page may look for them: other requests wait meanwhile. */
export const PAGE_DIFF_MS = 250

/** Bytes of two versions that a page reads to find where they begin to differ: a second or so of a local network. */
export const MAX_PAGE_READ_BYTES = 64 * 1024 * 1024

/** Bytes of an image that a page shows: of the largest photos, and no more than a phone can take. */
export const MAX_PAGE_IMAGE_BYTES = 16 * 1024 * 1024

/** Bytes that are told where two contents begin to differ: one line of a hex dump. */
export const DIFFERING_BYTES = 16

/** A form of a page: what each replica held of one name, for a thousand replicas and more. */
export const MAX_FORM_BYTES = 256 * 1024

/** Versions that a page compares with the first, all at once: more nobody looks through. */
export const MAX_PAGE_DIFFERENCES = 4

/** Pages that compare versions at once: each may hold up everything else for `PAGE_DIFF_MS` a version. */
export const MAX_PAGES_COMPARING = 4

/** Names shown of each kind of entry that a listing or an audit passed over: enough to find the rest by. */
export const MAX_PASSED_EXAMPLES = 5

/** Characters of such a name: its folder and its end; five of each kind must fit in a line of a survey's answer. */
export const MAX_PASSED_EXAMPLE_LENGTH = 400

/** Places above a replica's own: more directories inside each other fit into no path that a system takes. */
export const MAX_PLACES = 2048

/** Replicas whose failures one line tells of, each in its own words: more nobody reads there. */
export const MAX_FAILURES_TOLD = 10

/** How long readiness that is reached waits for replicas that may report a failure: a probe's own patience is a second. */
export const READY_OTHERS_MS = 250
