import type { Survey } from '../../functions/storage/survey.ts'
import type { Trees } from './trees.ts'

/** How far the background pass is. */
export interface Filled {
  /** Files that were described. */
  readonly done: number
  /** Of all the files; null until the pass has seen them. */
  readonly total: number | null
  /** In the files that were described. */
  readonly bytes: number
}

/** Who ends the pass, and who hears of it. */
export interface FillOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after every few files, and once more at the end. */
  readonly onProgress?: ((filled: Filled) => void) | undefined
}

const EVERYTHING: Survey = {
  ranges: [{ after: '', until: null }],
  prefix: '',
  // Nobody wants the spans.
  grain: 30,
  maxAge: null,
  match: [],
  exclude: [],
}

/** See `DirectoryStorage.fillIndex`. */
export async function fillIndex(trees: Trees, { signal, onProgress }: FillOptions): Promise<Filled> {
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
