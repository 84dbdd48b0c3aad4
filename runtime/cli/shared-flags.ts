import type { FlagGroup, FlagSet, Takes } from './declaration.ts'

const FILES: Takes = { paths: 'files' }
const DIRECTORIES: Takes = { paths: 'directories' }

/** What completes a replica word. */
const TARGET: Takes = {
  behindEquals: true,
  paths: 'directories',
  words: ['http://', 'https://', 'file:///', 's3://', 'static+https://'],
}
export const TARGET_RULE =
  'TARGET is a path, a file:/// URL, the http(s) URL of a replica server, static+ and that of any web server, or s3://BUCKET/PREFIX'

const SECONDS = 'S'

/** How long a replica may take. */
const TIMEOUT_FLAGS = {
  'connect-timeout': {
    value: SECONDS,
    about: 'seconds that a connection to a replica server may take to come about',
    otherwise: '4',
  },
  'silence-timeout': {
    value: SECONDS,
    about: 'seconds that a replica may go without a sign of life, in an audit without progress',
    otherwise: '10',
  },
  'answer-timeout': {
    value: SECONDS,
    about: 'seconds that a replica may take without progress, such as bytes hashed',
    otherwise: '900',
  },
} as const satisfies FlagSet

/** How a server, or the command, shows itself to the servers that it asks. */
const KEY_FLAGS = {
  ca: {
    value: 'PATH',
    takes: FILES,
    about: 'the authority whose certificates are trusted, in PEM',
    otherwise: 'those that the host trusts',
  },
  'client-cert': { value: 'PATH', takes: FILES, about: 'the certificate to show, in PEM' },
  'client-key': { value: 'PATH', takes: FILES, about: 'the key of --client-cert' },
} as const satisfies FlagSet

/** Where digest indexes lie. */
export const INDEX = {
  value: 'PATH',
  takes: DIRECTORIES,
  about: 'the directory that remembers the digests of directories and buckets, a file for each',
  otherwise: "vouch in the user's cache directory",
} as const

/** For one replica. */
export const SINGLE_FLAG = {
  single: { about: 'allow one replica alone, although nothing is compared then' },
} as const satisfies FlagSet

export const REQUIRE = {
  value: 'N',
  takes: { words: ['all', 'majority'] },
  about: 'how many replicas must answer: all, majority or a number',
} as const

/** How recently copies must have been read. */
export const MAX_AGE_FLAG = {
  'max-age': {
    value: 'AGE',
    about:
      'read again each copy that was last read longer ago than AGE: seconds, or a number with s, m, h, d or w behind it, such as 30d; 0 reads every copy',
    otherwise: 'readings of any age count',
  },
} as const satisfies FlagSet

/** Whom a client asks. */
export const SOURCE_FLAGS: FlagGroup = {
  title: 'Whom to ask',
  flags: {
    coordinator: {
      value: 'URL',
      takes: { words: ['http://', 'https://'] },
      about: 'the coordinator',
      otherwise: 'http://127.0.0.1:6001',
    },
    replica: {
      value: 'ID=TARGET',
      takes: TARGET,
      repeated: true,
      about: `compare these instead, with no coordinator: ${TARGET_RULE}; once for each`,
    },
    ...TIMEOUT_FLAGS,
    index: INDEX,
    'token-file': {
      value: 'PATH',
      takes: FILES,
      about: 'the token to show, the first of the file',
      variable: 'VOUCH_TOKEN',
    },
    ...KEY_FLAGS,
  },
}

/** Which replicas a coordinator asks, and how. */
export const REPLICAS_FLAGS: FlagGroup = {
  title: 'What to compare',
  flags: {
    replica: {
      value: 'ID=TARGET',
      takes: TARGET,
      repeated: true,
      about: `a place that keeps copies: ${TARGET_RULE}; once for each`,
    },
    ...SINGLE_FLAG,
    require: { ...REQUIRE, otherwise: '1' },
    ...TIMEOUT_FLAGS,
    'replica-token-file': {
      value: 'PATH',
      takes: FILES,
      about: 'the token to show to replica servers, the first of the file',
      variable: 'VOUCH_REPLICA_TOKEN',
    },
    ...KEY_FLAGS,
  },
}

/** Where a server listens on `port` unless told, and what it does there. */
export function toServerFlags(port: number): FlagSet {
  return {
    port: { value: 'PORT', about: 'where to listen, 0 for any free port', otherwise: String(port) },
    host: {
      value: 'HOST',
      takes: { words: ['127.0.0.1', '0.0.0.0', 'localhost', '::1', '::'] },
      about: 'the address to listen on',
      otherwise: '127.0.0.1',
    },
    index: INDEX,
    log: {
      value: 'FORMAT',
      takes: { words: ['text', 'json'] },
      about: 'the format of the log: text, or json, which has a trace that goes on to replicas',
      otherwise: 'text',
    },
  }
}

/** Who may ask a server, and for what. */
export const DOOR_FLAGS: FlagGroup = {
  title: 'Who may ask',
  flags: {
    'token-file': {
      value: 'PATH',
      takes: FILES,
      about: 'those who show one of its bearer tokens, one a line; it is read again when it changes',
      otherwise: 'everybody',
      variable: 'VOUCH_TOKEN',
    },
    'tls-cert': { value: 'PATH', takes: FILES, about: 'serve https with this certificate, in PEM' },
    'tls-key': { value: 'PATH', takes: FILES, about: 'the key of --tls-cert' },
    'tls-client-ca': {
      value: 'PATH',
      takes: FILES,
      about: 'take only clients with a certificate of this authority',
    },
    writable: {
      about: 'take writes, from those who may ask; what they replace is kept below .vouch/kept',
    },
    open: {
      about: 'listen on any address, and take writes, with neither tokens nor client certificates',
    },
  },
}

/** Which names of a tree are meant. */
export const GLOB_FLAGS = {
  match: {
    value: 'GLOB',
    repeated: true,
    about:
      'only names that match: * and ? stop at a slash, ** does not; one without a slash is held against the last part of the name; once for each',
  },
  exclude: { value: 'GLOB', repeated: true, about: 'no names that match; likewise' },
} as const satisfies FlagSet
