import type { Facts } from '../../../functions/storage/facts.ts'
import type { KeptPage, ListKeptOptions, ListOptions, Page } from '../../../functions/storage/storage.ts'
import type { Found, Progress, Skipped, Span, Survey } from '../../../functions/storage/survey/survey.ts'
import type { Counts } from '../disk/disk.ts'
import type { Batch, Held } from '../disk/disk-messages.ts'
import type { Wanted } from '../disk/question.ts'
import type { Trouble } from '../threads/messages.ts'

/** A question to the tree thread: a page of a listing, a step of a survey, or to end a survey. */
export type TreeQuestion =
  | { readonly list: Pick<ListOptions, 'prefix' | 'after' | 'limit'> }
  | { readonly kept: Pick<ListKeptOptions, 'name' | 'after' | 'limit'> }
  /** `begin` comes with the first step. */
  | { readonly survey: number; readonly begin: Survey | undefined; readonly step: StepOrder }
  | { readonly end: number }

/** The answer by the kind of question; null for `end`. */
export type TreeAnswer = Page | KeptPage | TreeStep | null

export interface StepOrder extends Pick<Batch, 'now' | 'synced'> {
  readonly patience: number
  /** Files of `TreeStep.wanted` that were hashed since the last step. */
  readonly hashed: readonly Hashed[]
  /** Whether to wait for a sync, rather than not remember a digest for the lack of one. */
  readonly isPatient: boolean
  /** The step ends once it has read so many bytes. */
  readonly bytes: number
}

export interface Hashed {
  readonly name: string
  readonly said: Held | Trouble | null
}

export interface TreeStep {
  readonly lines: readonly TreeLine[]
  /** Files to be hashed elsewhere. */
  readonly wanted: readonly Wanted[]
  readonly progress: Progress
  readonly counts: Counts
  /** Bytes of files that this step has read. */
  readonly bytes: number
  /** As in `Answers`. */
  readonly wantsSync: boolean
  /** `waiting` for a wanted file, `unsynced` until a sync. */
  readonly state: 'going' | 'waiting' | 'unsynced' | 'done'
}

/** A line of a survey on its way from one thread to another. */
export type TreeLine = Span | Skipped | (Omit<Found, 'said'> & { readonly said: Facts | Trouble })
