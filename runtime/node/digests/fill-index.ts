import type { Survey } from '../../../functions/storage/survey/survey.ts'
import type { TreeService } from '../tree/tree-service.ts'

/** The progress of the background pass. */
export interface Filled {
  /** Files that it has described. */
  readonly done: number
  /** All files; null until the pass has seen them. */
  readonly total: number | null
  /** Of the files that it has described. */
  readonly bytes: number
}

/** Options of `fillIndex`. */
export interface FillOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after every few files, and once more at the end. */
  readonly onProgress?: ((filled: Filled) => void) | undefined
}

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  // Its spans are ignored.
  grain: 30,
  maxAge: null,
  match: [],
  exclude: [],
}

export async function fillIndex(trees: TreeService, { signal, onProgress }: FillOptions): Promise<Filled> {
  let filled: Filled = { done: 0, total: null, bytes: 0 }
  try {
    for await (const line of trees.survey(EVERYTHING, { signal, background: true })) {
      if (!('seen' in line)) continue
      const { names, bytes } = line.seen
      filled = { done: names, total: null, bytes }
      onProgress?.(filled)
    }
  } catch (error) {
    if (signal?.aborted) return filled
    throw error
  }
  filled = { ...filled, total: filled.done }
  onProgress?.(filled)
  return filled
}
