import { MAX_NAME_BYTES } from './limits.ts'

/** Permission bits (0 to 0o777) of the directories to a file, from the root's child down, and of the file. */
export type Modes = readonly number[]

/** What a written file may fail to keep of the file that it replaces, or to take from its source. */
export const UNKEPT = ['modified', 'mode', 'owner', 'group', 'attributes'] as const
export type Unkept = (typeof UNKEPT)[number]

/** `File-Modes`: the modes in octal, as `chmod` takes them, separated by commas. */
export function toFileModes(modes: Modes): string {
  return modes.map((mode) => mode.toString(8)).join(', ')
}

/** The modes in a `File-Modes` field; null when it is malformed, or has a bit that is not a permission. */
export function parseFileModes(field: string): Modes | null {
  // A segment of a name takes at least two bytes, one of them its slash.
  const modes = field.split(',', MAX_NAME_BYTES / 2 + 1).map((mode) => mode.trim())
  const isValid = modes.length <= MAX_NAME_BYTES / 2 && modes.every((mode) => /^[0-7]{1,3}$/.test(mode))
  return isValid ? modes.map((mode) => Number.parseInt(mode, 8)) : null
}

/** `Not-Kept`: a List of Tokens (RFC 9651 §3.1); no field for an empty list. */
export function toNotKept(unkept: readonly Unkept[] = []): Record<string, string> {
  return unkept.length === 0 ? {} : { 'Not-Kept': unkept.join(', ') }
}

/** The attributes that a `Not-Kept` field names; unknown ones are ignored. */
export function parseNotKept(field: string): Unkept[] {
  const named = field.split(',', UNKEPT.length).map((token) => token.trim())
  return UNKEPT.filter((one) => named.includes(one))
}

const WORDS: Readonly<Record<Unkept, string>> = {
  modified: 'the modification time',
  mode: 'the permissions',
  owner: 'the owner',
  group: 'the group',
  attributes:
    'extended attributes and access control list (copied by GNU cp, which failed or is not installed)',
}

/** Names the attributes that were not kept, for people. */
export function toUnkeptWords(unkept: readonly Unkept[]): string {
  return `not kept: ${unkept.map((one) => WORDS[one]).join(', ')}`
}
