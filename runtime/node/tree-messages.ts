import type { Facts, KeptPage, ListKeptOptions, ListOptions, Page } from '../../functions/storage/storage.ts'
import type { Found, Progress, Span, Survey } from '../../functions/storage/survey.ts'
import type { Counts } from './disk.ts'
import type { Held, Trouble } from './disk-messages.ts'

/** What the tree thread is started with. */
export interface TreeWorkerData {
  /** Absolute; its symbolic links are followed for each listing and each survey. */
  readonly root: string
  /** The file of the digest index; null for none. */
  readonly indexFile: string | null
}

/** What the tree thread is asked; it answers one after the other. */
export type TreeQuestion =
  | { readonly list: Pick<ListOptions, 'prefix' | 'after' | 'limit'> }
  | { readonly kept: Pick<ListKeptOptions, 'name' | 'after' | 'limit'> }
  | { readonly id: number; readonly step: StepOrder }

/** What the tree thread is told. */
export type TreeMessage =
  | TreeQuestion
  | { readonly id: number; readonly begin: Survey }
  | { readonly id: number; readonly end: true }
  | 'close'

/** Go on with a survey. */
export interface StepOrder {
  /** Milliseconds since 1970, no later than the message. */
  readonly now: number
  /** How long to work, in milliseconds. */
  readonly patience: number
  /** What became of files that it wanted hashed. */
  readonly hashed: readonly Hashed[]
}

/** A file that was asked for by `TreeStep.wanted`. */
export interface Hashed {
  readonly name: string
  readonly said: Held | Trouble | null
}

/** What the tree thread says: an answer, why there is none, or a line for people. */
export type TreeReply =
  | { readonly answer: TreeAnswer }
  | { readonly trouble: Trouble }
  | { readonly notice: string }

/** A page, or how a survey goes on, by what was asked. */
export type TreeAnswer = Page | KeptPage | TreeStep

/** What one step of a survey came to. */
export interface TreeStep {
  readonly lines: readonly TreeLine[]
  /** Files to be hashed elsewhere: `fresh` whatever is remembered of them. */
  readonly wanted: readonly { readonly name: string; readonly fresh: boolean }[]
  readonly progress: Progress
  /** Digests that this step computed, and that the index knew. */
  readonly counts: Counts
  /** `waiting` when it cannot go on before a file that it wanted is hashed. */
  readonly state: 'going' | 'waiting' | 'done'
}

/** A line of a survey on its way from one thread to another. */
export type TreeLine = Span | (Omit<Found, 'said'> & { readonly said: Facts | Trouble })
