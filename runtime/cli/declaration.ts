/**
 * What a person may know of a command without running it. Parsing, help, suggestions, completions and the manual are
 * all made of this; nothing of it is written twice.
 */
export interface Declaration {
  readonly name: string
  /** What it does, in one line that goes on after a colon. */
  readonly about: string
  /** What may follow its name, a line for each way to use it. */
  readonly forms: readonly string[]
  readonly operand: Operand | null
  readonly groups: readonly FlagGroup[]
  /** Paragraphs. */
  readonly description: readonly string[]
  readonly examples: readonly Example[]
  /** What each exit status means, by the number. */
  readonly statuses: Readonly<Record<number, string>>
}

/** The one word that a command takes beside its flags. */
export interface Operand {
  readonly name: string
  /** Undefined for what nobody but the user knows. */
  readonly takes?: Takes
}

/** Flags that belong together, by their names without dashes. */
export interface FlagGroup {
  readonly title: string
  readonly flags: FlagSet
}

export type FlagSet = Readonly<Record<string, Flag>>

export interface Flag {
  /** The letter that means the same. */
  readonly short?: string
  /** What its value is called; undefined where it takes none. */
  readonly value?: string
  /** Undefined for what nobody but the user knows. */
  readonly takes?: Takes
  /** Whether it may be given more than once. */
  readonly repeated?: true
  readonly about: string
  /** What holds when it is left out. */
  readonly otherwise?: string
  /** The environment variable that may hold it instead. */
  readonly variable?: string
}

/** What a shell can offer for a value. */
export interface Takes {
  /** Words; one that ends with `=`, `:` or `/` goes on. */
  readonly words?: readonly string[]
  readonly paths?: 'files' | 'directories'
  /** The ids of the replicas that the line has named so far, each behind this. */
  readonly ids?: string
  /** The names of the commands. */
  readonly commands?: true
  /** Whether all that comes behind the first `=` of the value. */
  readonly behindEquals?: true
}

export interface Example {
  /** As it is typed, `vouch` included. */
  readonly line: string
  /** What it comes to, in a few words. */
  readonly about: string
}

/** The flags of all groups. */
export function toFlags({ groups }: Declaration): FlagSet {
  return Object.assign({}, ...groups.map(({ flags }) => flags))
}

/** The same, and the one that every command takes beside its own. */
export function toFlagsWithHelp(declaration: Declaration): FlagSet {
  return { ...toFlags(declaration), help: { short: 'h', about: 'say what it takes' } }
}
