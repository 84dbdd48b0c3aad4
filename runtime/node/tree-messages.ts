import type { Facts, KeptPage, ListKeptOptions, ListOptions, Page } from '../../functions/storage/storage.ts'
import type { Found, Progress, Skipped, Span, Survey } from '../../functions/storage/survey.ts'
import type { Counts } from './disk.ts'
import type { Batch, Held, Trouble } from './disk-messages.ts'
import type { Looked } from './file-system.ts'
import type { IndexNotice } from './index-file.ts'

/** What the tree thread is started with. */
export interface TreeWorkerData {
  /** Absolute; its symbolic links are followed for each listing and each survey. */
  readonly root: string
  /** The file of the digest index; null for none. */
  readonly indexFile: string | null
}

/** What the tree thread is asked. It works on all questions in turns, and answers each by its id. */
export type TreeQuestion =
  | { readonly list: Pick<ListOptions, 'prefix' | 'after' | 'limit'> }
  | { readonly kept: Pick<ListKeptOptions, 'name' | 'after' | 'limit'> }
  | { readonly survey: number; readonly step: StepOrder }

/** What the tree thread is told: a question, that its answer is no longer wanted, or that a survey begins or ends. */
export type TreeMessage =
  | { readonly id: number; readonly question: TreeQuestion }
  | { readonly cancel: number }
  | { readonly begin: Survey; readonly survey: number }
  | { readonly end: number }
  | 'close'

/** Go on with a survey. */
export interface StepOrder extends Pick<Batch, 'now' | 'synced'> {
  /** How long to work, in milliseconds. */
  readonly patience: number
  /** What became of files that it wanted hashed. */
  readonly hashed: readonly Hashed[]
  /** Whether a sync is waited for, rather than that a digest is not remembered for the lack of it. */
  readonly isPatient: boolean
}

/** A file that was asked for by `TreeStep.wanted`. */
export interface Hashed {
  readonly name: string
  readonly said: Held | Trouble | null
}

/** What the tree thread sends: an answer or an error for a question, the state of the index, or the root's file system. */
export type TreeReply =
  | { readonly id: number; readonly answer: TreeAnswer }
  | { readonly id: number; readonly trouble: Trouble }
  | IndexNotice
  | { readonly looked: Looked }

/** A page, or how a survey goes on, by what was asked. */
export type TreeAnswer = Page | KeptPage | TreeStep

/** What one step of a survey came to. */
export interface TreeStep {
  readonly lines: readonly TreeLine[]
  /** Files to be hashed elsewhere. */
  readonly wanted: readonly { readonly name: string; readonly maxAge: number | undefined }[]
  readonly progress: Progress
  /** Digests that this step computed, and that the index knew. */
  readonly counts: Counts
  /** As in `Answers`. */
  readonly wantsSync: boolean
  /** `waiting` when it cannot go on before a file that it wanted is hashed, `unsynced` before a sync. */
  readonly state: 'going' | 'waiting' | 'unsynced' | 'done'
}

/** A line of a survey on its way from one thread to another. */
export type TreeLine = Span | Skipped | (Omit<Found, 'said'> & { readonly said: Facts | Trouble })
