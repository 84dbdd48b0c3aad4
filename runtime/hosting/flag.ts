import { UserError } from '../node/user-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What a shell can offer for a value. */
export interface Completions {
  /** One that ends with `=`, `:` or `/` is only the beginning of a value. */
  readonly words?: readonly string[]
  readonly paths?: 'files' | 'directories'
  /** Offers the ids of the replicas named so far on the line, each behind this prefix. */
  readonly ids?: string
  /** Offers the clusters of the settings file. */
  readonly clusters?: true
  /** Whether all of these belong behind the first `=` of the value. */
  readonly behindEquals?: true
}

/** A kind of value. */
export interface Kind<T> extends Completions {
  /** What a text must be, to follow "takes": `a port number from 0 to 65535`. */
  readonly rule: string
  /** The parts of the rule, for the end of a message. */
  readonly parts?: string
  /** Returns null for a text that is not valid. */
  readonly parse: (text: string) => T | null
}

interface Details {
  /** The letter that means the same. */
  readonly short?: string
  /** What holds when the flag is left out, for help. */
  readonly otherwise?: string
  /** The environment variable that may hold it instead. */
  readonly variable?: string
  /** What it means without a value, which is then given only behind an equals sign. */
  readonly bare?: string
}

/** A flag: parsing, help, the manual and completions are made of it. */
export interface Flag<T = unknown> extends Details {
  readonly about: string
  /** What its value is called; absent for a switch. */
  readonly value?: string
  readonly completions?: Completions
  /** Whether it may be given more than once. */
  readonly repeated?: true
  /** Whether the flag names a file with what its variable holds. */
  readonly isSecret?: true
  /** The value of the texts given; throws a UserError that calls the flag `label`. */
  read(texts: readonly string[], label: string, env: Environment): T
}

/** Flags by name, in camel case: `maxAge` is `--max-age` on a command line. */
export type Flags = Readonly<Record<string, Flag>>

/** What `readFlags` returns for these flags. */
export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

/** True when given. As a variable it is `true` or `false`. */
export function toggle(about: string, details: Details = {}): Flag<boolean> {
  const kind: Kind<boolean> = {
    rule: 'true or false',
    parse: (text) => (text === 'true' || text === 'false' ? text === 'true' : null),
  }
  return { ...details, about, read: (texts, label) => parseLast(kind, texts, label) ?? false }
}

/** The last value given, else that of its variable, unless that is empty; undefined without one. */
export function option<T>(
  value: string,
  kind: Kind<T>,
  about: string,
  details: Details = {},
): Flag<T | undefined> {
  return {
    ...{ ...details, about, value, completions: kind },
    read(texts, label, env) {
      const { variable } = details
      const instead = variable === undefined ? '' : (env[variable] ?? '')
      if (variable === undefined || texts.length > 0 || instead === '') return parseLast(kind, texts, label)
      return parseText(kind, instead, variable)
    },
  }
}

/** The last value given, or that of the text `otherwise`. */
export function optionWithDefault<T>(
  value: string,
  kind: Kind<T>,
  about: string,
  otherwise: string,
): Flag<T> {
  const { read, ...flag } = option(value, kind, about, { otherwise })
  return { ...flag, read: (texts, label) => parseText(kind, texts.at(-1) ?? otherwise, label) }
}

/** Every value given, in order. */
export function list<T>(value: string, kind: Kind<T>, about: string): Flag<readonly T[]> {
  return {
    ...{ about, value, completions: kind, repeated: true },
    read: (texts, label) => texts.map((text) => parseText(kind, text, label)),
  }
}

/** Where a secret is: in a file, or in a variable of the environment, which may have another name now. */
export type SecretSource =
  | { readonly path: string }
  | { readonly variable: string; readonly text: string; readonly renamed?: string }
  | undefined

/**
 * The path of a file with a secret, or the environment variable that holds one. The variable `older` is read
 * where there is neither.
 */
export function secret(
  about: string,
  variable: string,
  { older, ...details }: Details & { readonly older?: string } = {},
): Flag<SecretSource> {
  return {
    ...{ ...details, about, variable, value: 'PATH', completions: FILE, isSecret: true },
    read(texts, _label, env) {
      const [path, text] = [texts.at(-1), env[variable]]
      if (path !== undefined) return { path }
      if (text !== undefined) return { variable, text }
      const was = older === undefined ? undefined : env[older]
      return older === undefined || was === undefined
        ? undefined
        : { variable: older, text: was, renamed: variable }
    },
  }
}

export const TEXT: Kind<string> = { rule: 'a text', parse: (text) => text }
export const FILE: Kind<string> = { ...TEXT, rule: 'the path of a file', paths: 'files' }
export const DIRECTORY: Kind<string> = {
  rule: 'the path of a directory',
  parse: (text) => (text === '' ? null : text),
  paths: 'directories',
}

export function oneOf<T extends string>(...words: readonly T[]): Kind<T> {
  return { rule: words.join(' or '), parse: (text) => words.find((word) => word === text) ?? null, words }
}

function parseLast<T>(kind: Kind<T>, texts: readonly string[], label: string): T | undefined {
  const text = texts.at(-1)
  return text === undefined ? undefined : parseText(kind, text, label)
}

function parseText<T>({ rule, parts, parse }: Kind<T>, text: string, label: string): T {
  const value = parse(text)
  if (value === null) {
    const got = `${label} takes ${rule}, got '${redact(text)}'`
    throw new UserError(parts === undefined ? got : `${got}; ${parts}`)
  }
  return value
}

/** `text` without the parts of a URL, a module or a remote of rclone that may be secret. */
function redact(text: string): string {
  return text
    .replace(/(\w:\/\/)[^/]*@/, '$1…@')
    .replace(/(\w:\/\/[^?#]*[?#]).*/s, '$1…')
    .replace(/(\bmodule:[^?#]*[?#]).*/is, '$1…')
    .replace(/(\brclone:[^,]*,).*/is, '$1…')
}

/** What the user calls a flag, by its name in camel case. */
export type Label = (name: string) => string

/** What was given to a host, not yet read. */
export interface Given {
  /** The texts of each flag, by its name; `true` for a switch. */
  readonly texts: Readonly<Record<string, readonly string[]>>
  readonly env: Environment
  readonly label: Label
}

/** The values of these flags; throws a UserError for the first that is not valid. */
export function readFlags<F extends Flags>(flags: F, { texts, env, label }: Given): Values<F> {
  const read = Object.entries(flags).map(([name, flag]) => [
    name,
    flag.read(texts[name] ?? [], label(name), env),
  ])
  return Object.fromEntries(read) as Values<F> // each value is of the type that its flag reads
}

/** `--max-age` for `maxAge`. */
export function toFlagLabel(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** The flags of a host without a command line: `MAX_AGE` for `maxAge`, `REPLICAS` for those of a `list`. */
export function fromVariables(flags: Flags, env: Environment): Given {
  const label = (name: string) => {
    const variable = toFlagLabel(name).slice(2).replaceAll('-', '_').toUpperCase()
    return flags[name]?.repeated ? `${variable}S` : variable
  }
  const entries = Object.entries(flags).map(([name, { repeated, variable }]) => {
    // Flags with a variable read it themselves.
    const text = (variable === undefined ? env[label(name)] : undefined) ?? ''
    const texts = (repeated ? text.split(',') : [text]).map((one) => one.trim())
    return [name, texts.filter((one) => one !== '')]
  })
  return { texts: Object.fromEntries(entries), env, label }
}
