import { dirname, resolve } from 'node:path'
import { GLOBS_RULE } from '../../../functions/coordinator/audit/exclude.ts'
import { isValid } from '../../../functions/wire/json/parse.ts'
import { globs } from '../../../functions/wire/schemas/values.ts'
import { type Flag, type Flags, type Label, option, toFlagLabel } from '../../hosting/flag.ts'
import {
  ACCESS_FLAGS,
  KEY,
  NOTIFY_FLAGS,
  REPLICAS_FLAGS,
  requireAtMost,
  SOURCE_FLAGS,
  VERIFY_EVERY,
} from '../../hosting/flags.ts'
import { REPLICA_ID, requireIds, resolveText } from '../../hosting/replica-address.ts'
import { UserError } from '../../node/user-error.ts'
import { findNearest } from '../options/nearest.ts'
import type { SettingsFile } from './settings-file.ts'

/** What the settings file says of one cluster. */
export interface Cluster {
  /** Of the file; absolute. */
  readonly path: string
  readonly name: string
  /** The texts of the flags that its keys stand for, by the name of the flag; paths are absolute. */
  readonly texts: Readonly<Record<string, readonly string[]>>
  readonly excluded: readonly string[]
}

/** A settings file, in which every value is valid. */
export interface Settings {
  /** Absolute. */
  readonly path: string
  readonly clusters: readonly Cluster[]
}

const { coordinator } = SOURCE_FLAGS
const { replica, require, replicaTokenFile, ca, clientCert, clientKey } = REPLICAS_FLAGS
const { tokenFile, tlsCert, tlsKey, tlsClientCa } = ACCESS_FLAGS

/** The flags that a key of the same name stands for. */
const FLAGS: Flags = {
  ...{ coordinator, require, tokenFile, replicaTokenFile },
  ...{ ca, clientCert, clientKey, tlsCert, tlsKey, tlsClientCa },
  ...NOTIFY_FLAGS,
  verify: VERIFY_EVERY,
}

/** Each flag by its key. */
const KEYS: ReadonlyMap<string, readonly [name: string, flag: Flag]> = new Map(
  Object.entries(FLAGS).map(([name, flag]) => [toKey(name), [name, flag]]),
)

/** The key of a flag: `token-file` for `tokenFile`. */
export function toKey(name: string): string {
  return name === 'replica' || name === 'key' ? `${name}s` : toFlagLabel(name).slice(2)
}

const ID = option('ID', REPLICA_ID, '')

/** Parses a settings file; rejects with a UserError that names the file and what is wrong in it. */
export async function parseSettings({ path, text }: SettingsFile): Promise<Settings> {
  const root = await parseToml(path, text)
  requireKeys(path, root, ['cluster'])
  const { cluster: clusters = {} } = root
  if (!isTable(clusters))
    throw toTypeError(`${path}: cluster`, 'a table of clusters, [cluster.NAME]', clusters)
  return { path, clusters: Object.entries(clusters).map(([name, table]) => parseCluster(path, name, table)) }
}

async function parseToml(path: string, text: string): Promise<Table> {
  const { parse, TomlError } = await import('./toml.ts')
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [first = ''] = error.message.split('\n')
    const reason = first.replace(/^Invalid TOML document: /, '')
    throw new UserError(`${path}, line ${error.line}, column ${error.column}: not valid TOML: ${reason}`)
  }
}

type Table = Readonly<Record<string, unknown>>

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function parseCluster(path: string, name: string, table: unknown): Cluster {
  ID.read([name], `${path}: the name of a cluster`, {})
  const title = `[cluster.${name}]`
  if (!isTable(table)) throw toTypeError(`${path}: ${title}`, 'a table', table)
  requireKeys(`${path}: ${title}`, table, ['replicas', 'exclude', 'keys', ...KEYS.keys()])
  const { replicas, exclude, keys, ...others } = table
  const addresses = replicas === undefined ? [] : parseReplicas(path, title, replicas)
  const texts: Record<string, string[]> = addresses.length === 0 ? {} : { replica: addresses }
  for (const [key, value] of Object.entries(others)) {
    const [flagName, flag] = KEYS.get(key) ?? []
    if (flagName === undefined || flag === undefined) throw new Error(`nothing reads the key ${key}`)
    texts[flagName] = [parseValue(value, flag, path, `${path}: ${key} of ${title}`)]
  }
  if (keys !== undefined) texts['key'] = parseKeys(path, title, keys)
  if (addresses.length > 0) requireReplicas(texts, (flagName) => `${path}: ${toKey(flagName)} of ${title}`)
  else if (texts['coordinator'] === undefined)
    throw new UserError(`${path}: ${title} needs a coordinator, or replicas in [cluster.${name}.replicas]`)
  return { path, name, texts, excluded: exclude === undefined ? [] : parseGlobs(path, title, exclude) }
}

/** Throws a UserError unless the replicas are valid, and as many as must answer. */
function requireReplicas(texts: Cluster['texts'], label: Label): void {
  const replicas = replica.read(texts['replica'] ?? [], label('replica'), {})
  requireIds(replicas, label)
  requireAtMost(require.read(texts['require'] ?? [], label('require'), {}), replicas, label)
}

/** The replicas, each as `--replica` takes it, with an absolute path. */
function parseReplicas(path: string, title: string, table: unknown): string[] {
  const label = `${path}: replicas of ${title}`
  if (!isTable(table)) throw toTypeError(label, 'a table of targets by their ids', table)
  return Object.entries(table).map(([id, text]) => {
    ID.read([id], `${label}: an id`, {})
    if (typeof text !== 'string') throw toTypeError(`${label}: ${id}`, 'a target in quotes', text)
    return `${id}=${resolveText(text, dirname(path))}`
  })
}

/** The text of a flag, which is valid; that of a path is absolute. */
function parseValue(value: unknown, flag: Flag, path: string, label: string): string {
  const isNumber = flag === require && Number.isInteger(value)
  if (!isNumber && (typeof value !== 'string' || value === ''))
    throw toTypeError(label, 'a text in quotes', value)
  const text = String(value)
  flag.read([text], label, {})
  return flag.completions?.paths === 'files' ? resolve(dirname(path), text) : text
}

function parseGlobs(path: string, title: string, value: unknown): readonly string[] {
  const label = `${path}: exclude of ${title}`
  if (!Array.isArray(value) || value.some((glob) => typeof glob !== 'string' || glob === ''))
    throw toTypeError(label, 'an array of globs in quotes', value)
  if (!isValid(globs, value)) throw new UserError(`${label} takes ${GLOBS_RULE}, got ${value.length}`)
  return value
}

/** The files of public keys, with absolute paths. */
function parseKeys(path: string, title: string, value: unknown): string[] {
  const label = `${path}: keys of ${title}`
  if (!Array.isArray(value) || value.length === 0)
    throw toTypeError(label, 'an array of paths in quotes', value)
  return value.map((text) => parseValue(text, KEY, path, label))
}

/** Throws a UserError for the first key that nothing reads. */
function requireKeys(where: string, table: Table, known: readonly string[]): void {
  const unknown = Object.keys(table).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const nearest = findNearest(unknown, known)
  const taken = known.length === 1 ? `only ${known}` : known.join(', ')
  const advice = nearest === null ? `it takes ${taken}` : `did you mean '${nearest}'?`
  throw new UserError(`${where} has no key '${unknown}'; ${advice}`)
}

/** Says of what kind a value is, and not which: it may be a secret. */
function toTypeError(label: string, rule: string, value: unknown): UserError {
  return new UserError(`${label} takes ${rule}, got ${toKind(value)}`)
}

function toKind(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  if (value instanceof Date) return 'a date'
  if (value === '') return 'an empty text'
  return isTable(value) ? 'a table' : (KINDS[typeof value] ?? typeof value)
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
}
