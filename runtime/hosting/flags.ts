import { parseRequire, type Require } from '../../functions/coordinator/parameters.ts'
import { ANSWER_MS, CONNECT_MS, MAX_AGE_SECONDS, SILENCE_MS } from '../../functions/wire/limits.ts'
import { formatNumber } from '../../functions/wire/text.ts'
import { UserError } from '../node/user-error.ts'
import {
  DIRECTORY,
  FILE,
  type Kind,
  type Label,
  list,
  oneOf,
  option,
  optionWithDefault,
  secret,
  TEXT,
  toFlagLabel,
  toggle,
  type Values,
} from './flag.ts'
import { MAX_WORKERS } from './limits.ts'
import {
  listForms,
  REPLICA_ADDRESS,
  REPLICA_ID,
  type ReplicaAddress,
  requireIds,
  requireSeveral,
  SERVER_URL,
} from './replica-address.ts'

const TARGET = `TARGET is a path, a file:/// URL, the http(s) URL of a replica server, ${listForms()}`

const PORT: Kind<number> = {
  rule: 'a port number from 0 to 65535',
  parse: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null),
}

const HOST: Kind<string> = {
  rule: 'an address or a host name',
  parse: (text) => (/^[\w.:%-]+$/.test(text) ? text : null),
  words: ['127.0.0.1', '0.0.0.0', 'localhost', '::1', '::'],
}

const WEBHOOK: Kind<string> = {
  rule: 'an http or https URL',
  parse: (text) => (/^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text).href : null),
  words: ['https://'],
}

/** Seconds in a text, milliseconds as a value. */
const SECONDS: Kind<number> = {
  rule: 'a number of seconds from 0.001 to 86400',
  parse(text) {
    const ms = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) * 1000 : 0
    return ms >= 1 && ms <= 86_400_000 ? ms : null
  },
}

const REQUIRE: Kind<Require> = {
  rule: 'all, majority or a number from 1 up',
  parse: (text) => parseRequire(text, Number.POSITIVE_INFINITY),
  words: ['all', 'majority'],
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** An age such as `90`, `90s`, `5m`, `2h`, `30d` or `1w`, in seconds. */
export const AGE: Kind<number> = {
  rule: `a whole number of seconds, or a number with s, m, h, d or w behind it, such as 30d, up to ${formatNumber(MAX_AGE_SECONDS)} seconds`,
  parse(text) {
    const [, digits, unit = ''] = /^(\d{1,10})([smhdw]?)$/.exec(text) ?? []
    const seconds = Number(digits) * (UNITS[unit] ?? 1)
    return seconds <= MAX_AGE_SECONDS ? seconds : null
  },
}

/** An `AGE` above 0, in seconds. */
export const DURATION: Kind<number> = {
  rule: 'a duration above 0: seconds, or a number with s, m, h, d or w behind it, such as 2h',
  parse: (text) => AGE.parse(text) || null,
}

const POWERS = ['', 'k', 'm', 'g', 't']

/** Bytes a second, in `40MB/s`, `40M`, `512KiB/s` or `1000000`. */
export const RATE: Kind<number> = {
  rule: 'bytes a second above 0, such as 40MB/s, 40M or 512Ki: k, M, G and T are powers of 1000, Ki, Mi, Gi and Ti of 1024',
  parse(text) {
    const [, digits, power = '', binary] =
      /^(\d{1,9}(?:\.\d{1,3})?)(?:([kmgt])(i?))?b?(?:\/s)?$/i.exec(text) ?? []
    const bytes = Math.floor(Number(digits) * (binary ? 1024 : 1000) ** POWERS.indexOf(power.toLowerCase()))
    return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : null
  },
}

/** How often a coordinator verifies by itself. */
export const VERIFY_EVERY = option(
  'TIME',
  DURATION,
  'read every byte of every replica once in TIME, such as 30d, evenly and in the background',
  { otherwise: 'only when vouch verify asks for it' },
)

const TIMEOUT_FLAGS = {
  connectTimeout: toTimeout('seconds that connecting to a replica server may take', CONNECT_MS),
  silenceTimeout: toTimeout(
    'seconds that a replica may give no sign of life, or in an audit make no progress',
    SILENCE_MS,
  ),
  answerTimeout: toTimeout(
    'seconds that a replica may take without progress, such as bytes hashed',
    ANSWER_MS,
  ),
}

function toTimeout(about: string, otherwise: number) {
  return option('S', SECONDS, about, { otherwise: String(otherwise / 1000) })
}

/** What a server, or the command, presents to the servers that it asks, and which it trusts. */
const KEY_FLAGS = {
  ca: option('PATH', FILE, 'the certificate authority to trust, in PEM', {
    otherwise: 'those that the host trusts',
  }),
  clientCert: option('PATH', FILE, 'the client certificate to present, in PEM'),
  clientKey: option('PATH', FILE, 'the key of --client-cert'),
}

export const INDEX = option(
  'PATH',
  DIRECTORY,
  'the directory that remembers the digests of directories and buckets, a file for each',
  { otherwise: "vouch in the user's cache directory" },
)

export const SINGLE = toggle('allow a single replica, although nothing is compared then')

const REQUIRE_ABOUT = 'how many replicas must answer: all, majority or a number'

/** Of a read, where the coordinator has its own default. */
export const READ_REQUIRE = option('N', REQUIRE, REQUIRE_ABOUT)

export const QUIET = toggle('print only warnings and errors to standard error', { short: 'q' })

export const MAX_AGE = option(
  'AGE',
  AGE,
  'read again each copy that was last read longer ago than AGE: seconds, or a number with s, m, h, d or w behind it, such as 30d; 0 reads every copy',
  { otherwise: 'readings of any age count' },
)

/**
 * Where outcomes of audits are sent. The address may hold a secret, which no list of processes should show.
 */
export const NOTIFY_FLAGS = {
  notify: option(
    'URL',
    WEBHOOK,
    'where to send the outcome of an audit, in JSON, when it differs from the last',
    {
      variable: 'VOUCH_NOTIFY',
    },
  ),
  notifySecretFile: secret('the file with the secret that signs it', 'VOUCH_NOTIFY_SECRET'),
}

const DEFAULT_COORDINATOR = 'http://127.0.0.1:6001'

const CLUSTER: Kind<string> = { ...REPLICA_ID, clusters: true }

/** The settings file, which only the command reads. */
export const CONFIG = option('FILE', FILE, 'the settings file', {
  variable: 'VOUCH_CONFIG',
  otherwise: "vouch/vouch.toml in the user's configuration directory",
})

/** What is left out on the command line and in the environment comes from a cluster of the settings file. */
const CLUSTER_FLAGS = {
  cluster: option('NAME', CLUSTER, 'the cluster of the settings file', {
    otherwise: 'the only one in it, if nothing else names replicas or a coordinator',
  }),
  config: CONFIG,
}

export const SOURCE_FLAGS = {
  ...CLUSTER_FLAGS,
  coordinator: option('URL', SERVER_URL, 'the coordinator', {
    variable: 'VOUCH_COORDINATOR',
    otherwise: `that of the cluster, else ${DEFAULT_COORDINATOR}`,
  }),
  replica: list(
    'ID=TARGET',
    REPLICA_ADDRESS,
    `compare these instead, with no coordinator: ${TARGET}; once for each`,
  ),
  ...TIMEOUT_FLAGS,
  index: INDEX,
  tokenFile: secret('the file whose first token to send', 'VOUCH_TOKEN'),
  ...KEY_FLAGS,
}

/** Which replicas a coordinator compares, when it answers, and how it asks replica servers. */
export const REPLICAS_FLAGS = {
  ...CLUSTER_FLAGS,
  replica: list('ID=TARGET', REPLICA_ADDRESS, `a place that keeps copies: ${TARGET}; once for each`),
  single: SINGLE,
  require: option('N', REQUIRE, REQUIRE_ABOUT, { otherwise: '1' }),
  ...TIMEOUT_FLAGS,
  replicaTokenFile: secret('the file whose first token to send to replica servers', 'VOUCH_REPLICA_TOKEN'),
  ...KEY_FLAGS,
}

export const LOG = optionWithDefault(
  'FORMAT',
  oneOf('text', 'json'),
  'the format of the log: text, or json, which has a trace that continues in replicas',
  'text',
)

const PROCESSES: Kind<number> = {
  rule: `a number of processes from 1 to ${MAX_WORKERS}`,
  parse: (text) => (/^[1-9]\d?$/.test(text) && Number(text) <= MAX_WORKERS ? Number(text) : null),
}

export const WORKERS = optionWithDefault(
  'N',
  PROCESSES,
  'processes that answer on one port; more than 1 when one processor is not enough',
  '1',
)

/** The keys of whoever signs receipts. */
export const SIGN = list(
  'PATH',
  FILE,
  'sign receipts with the private key in PATH, made by vouch key generate, with PATH.pub beside it; twice while one key takes the place of another',
)

/** The keys of those whose receipts count. */
export const KEY = list(
  'FILE',
  FILE,
  'the public keys in FILE, one a line, each of a signer whose line a receipt must have; once for each',
)

/** Where a server listens, on `port` by default, and what it logs. */
export function toServerFlags(port: number) {
  return {
    port: optionWithDefault('PORT', PORT, 'where to listen, 0 for any free port', String(port)),
    host: optionWithDefault('HOST', HOST, 'the address to listen on', '127.0.0.1'),
    index: INDEX,
    log: LOG,
    workers: WORKERS,
  }
}

/** Which clients a server accepts, and for what. */
export const ACCESS_FLAGS = {
  tokenFile: secret(
    'a file of bearer tokens, one a line: only clients that send one may ask; it is read again when it changes',
    'VOUCH_ACCEPTED_TOKEN',
    // Without it, a server that older instructions set up would accept any client.
    { older: 'VOUCH_TOKEN', otherwise: 'any client' },
  ),
  tlsCert: option('PATH', FILE, 'serve https with this certificate, in PEM'),
  tlsKey: option('PATH', FILE, 'the key of --tls-cert'),
  tlsClientCa: option('PATH', FILE, 'accept only clients with a certificate of this authority'),
  writable: toggle('accept writes from clients that may ask; what they replace is kept below .vouch/kept'),
  open: toggle('listen on any address, and accept writes, with neither tokens nor client certificates'),
}

export const GLOB_FLAGS = {
  match: list(
    'GLOB',
    TEXT,
    'only names that match: * and ? stop at a slash, ** does not; one without a slash is matched against the last part of the name; once for each',
  ),
  exclude: list('GLOB', TEXT, 'no names that match; likewise'),
}

/** How long a replica may take, in milliseconds; undefined without a flag. */
export function toTimeouts(options: Values<typeof TIMEOUT_FLAGS>) {
  const { connectTimeout: connect, silenceTimeout: silence, answerTimeout: answer } = options
  return { connect, silence, answer }
}

/** The replicas of a coordinator: several, or one with `single`, each id once. Throws a UserError if not. */
export function requireReplicas(
  options: Pick<Values<typeof REPLICAS_FLAGS>, 'replica' | 'single' | 'require'>,
  label: Label,
): readonly ReplicaAddress[] {
  const { replica: replicas, single, require } = options
  if (replicas.length === 0)
    throw new UserError(
      `${label('replica')} takes ID=TARGET at least once, got none; nas=http://192.168.1.102:6002 is a replica server`,
    )
  requireIds(replicas, label)
  if (!single) requireSeveral(replicas, label)
  requireAtMost(require, replicas, label)
  return replicas
}

/** What a client asks: a coordinator elsewhere, or the replicas themselves. */
type Source = { readonly coordinator: string } | { readonly replicas: readonly ReplicaAddress[] }

/**
 * The coordinator that the flags name, by default `http://127.0.0.1:6001`, or the replicas; throws a
 * UserError for both. `require` is checked against the replicas; a coordinator elsewhere checks it itself.
 */
export function toSource(
  { coordinator, replica: replicas }: Pick<Values<typeof SOURCE_FLAGS>, 'coordinator' | 'replica'>,
  require?: Require,
): Source {
  if (replicas.length === 0) return { coordinator: coordinator ?? DEFAULT_COORDINATOR }
  if (coordinator !== undefined)
    throw new UserError('--coordinator and --replica exclude each other; leave one out')
  requireIds(replicas, toFlagLabel)
  requireAtMost(require, replicas, toFlagLabel)
  return { replicas }
}

/** Throws a UserError when more replicas must answer than there are. */
export function requireAtMost(
  require: Require | undefined,
  { length }: readonly unknown[],
  label: Label,
): void {
  if (typeof require === 'number' && require > length)
    throw new UserError(
      `${label('require')} takes all, majority or a number from 1 to ${length}, got '${require}'`,
    )
}
