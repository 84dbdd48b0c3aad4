import {
  type Completions,
  type Flag,
  type Flags,
  type Given,
  readFlags,
  toFlagLabel,
  toggle,
  type Values,
} from '../../hosting/flag.ts'

/** What a command takes. Parsing, help, suggestions, completions and the manual are all made of this. */
export interface Declaration<F extends Flags = Flags, S extends Shared = Shared> {
  readonly name: string
  /** What it does, in one line to follow a colon. */
  readonly about: string
  /** What may follow its name, a line for each way to use it. */
  readonly forms: readonly string[]
  /** The one argument that it takes beside its flags, or `many`. */
  readonly operand: {
    readonly name: string
    readonly many?: true
    readonly completions?: Completions
  } | null
  readonly flags: F
  /** Groups of flags that other commands take too. */
  readonly shared: S
  /** Paragraphs. */
  readonly description: readonly string[]
  /** What each example does, by its line. */
  readonly examples: Readonly<Record<string, string>>
  /** What each exit status means, by its number. */
  readonly statuses: Readonly<Record<number, string>>
}

export interface FlagGroup<F extends Flags = Flags> {
  readonly title: string
  readonly flags: F
}

type Shared = readonly FlagGroup[]

/** The flags of all groups, as one type. */
type Merged<S extends Shared> = (
  S[number] extends infer One
    ? One extends FlagGroup<infer F>
      ? (flags: F) => void
      : never
    : never
) extends (flags: infer All extends Flags) => void
  ? All
  : never

/** The values of the flags of a command, by their names in camel case. */
export type Options<D extends Declaration> =
  D extends Declaration<infer F, infer S> ? Values<F & Merged<S>> : never

/** Declares a command; its flags keep their types. */
export function declare<F extends Flags, const S extends Shared>(
  declaration: Declaration<F, S>,
): Declaration<F, S> {
  return declaration
}

/** The values of the flags of a command; throws a UserError for the first that is not valid. */
export function readOptions<F extends Flags, S extends Shared>(
  declaration: Declaration<F, S>,
  given: Given,
): Values<F & Merged<S>> {
  return readFlags(mergeFlags(declaration), given)
}

/** All flags of a command, by their names in camel case. */
export function mergeFlags<F extends Flags, S extends Shared>({
  flags,
  shared,
}: Pick<Declaration<F, S>, 'flags' | 'shared'>): F & Merged<S> {
  return Object.assign({}, flags, ...shared.map((group) => group.flags)) as F & Merged<S> // as its type says
}

/** The flags of a command in groups with titles. */
export function toGroups({ flags, shared }: Declaration): readonly FlagGroup[] {
  return Object.keys(flags).length === 0 ? shared : [{ title: 'Options', flags }, ...shared]
}

const HELP = toggle('print what the command takes', { short: 'h' })

/** The flags of a command by name (`max-age`), with `help`, which every command takes. */
export function toFlagsWithHelp(declaration: Declaration): Readonly<Record<string, Flag>> {
  return { ...toFlags(declaration), help: HELP }
}

/** The same without `help`. */
export function toFlags(declaration: Declaration): Readonly<Record<string, Flag>> {
  return Object.fromEntries(toGroups(declaration).flatMap(({ flags }) => toNamed(flags)))
}

/** Each flag with its name on a command line. */
export function toNamed(flags: Flags): [name: string, flag: Flag][] {
  return Object.entries(flags).map(([name, flag]) => [toFlagLabel(name).slice(2), flag])
}
