import type { MissingName, Sides } from '../../../functions/coordinator/compare/missing-name.ts'
import { addSizes } from '../../../functions/storage/survey/survey.ts'

/** Names of one folder that the same replicas lack. */
export interface MissingFolder {
  readonly folder: string
  readonly sides: Sides
  readonly names: number
  /** Null when unknown. */
  readonly bytes: number | null
  /** Whether the replicas lack all of the folder; while an audit runs, files may arrive in it. */
  readonly isWhole: boolean
}

/** Turns missing names and folders that are missing whole into text. */
export interface MissingRows {
  name(missing: MissingName): string
  folder(missing: MissingFolder): string
}

interface OpenFolder {
  readonly first: MissingName
  readonly folder: string
  names: number
  bytes: number | null
  isWhole: boolean
}

/**
 * Replaces the rows of missing names, which come in byte order, by one for each folder that is missing whole.
 * Holds only the folders that the last name lies in.
 */
export function createRollUp(rows: MissingRows) {
  let open: OpenFolder[] = []

  function toText({ first, ...folder }: OpenFolder): string {
    return folder.names === 1 ? rows.name(first) : rows.folder({ ...folder, sides: first.sides })
  }

  /** The rows of the folders that end before this name; null is after all names. */
  function goTo(name: string | null): string {
    if (open.length === 0) return ''
    const ended = open.filter(({ folder }) => !name?.startsWith(folder))
    open = open.filter((one) => !ended.includes(one))
    return ended.map(toText).join('')
  }

  return {
    goTo,
    /** The rows that are complete with this name. */
    add(missing: MissingName): string {
      const { name, size, sides, folder } = missing
      const before = goTo(name)
      const around = open.find(({ first }) => first.sides === sides)
      if (around !== undefined && around.folder !== folder) around.isWhole = false
      if (folder === null || (around !== undefined && around.folder !== folder))
        return before + rows.name(missing)
      if (around === undefined) open.push({ first: missing, folder, names: 1, bytes: size, isWhole: true })
      else {
        around.names++
        around.bytes = addSizes(around.bytes, size)
      }
      return before
    },
  }
}
