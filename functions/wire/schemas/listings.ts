import * as v from 'valibot'
import { boundedArray } from '../json/parse.ts'
import { MAX_DIRECTORY_ROWS, MAX_LISTING_PAGE, MAX_NOTE_LENGTH, MAX_REPLICAS } from '../limits.ts'
import { digest, failure, knownSize, modified, passedList, replicaId, size, time } from './values.ts'

/** A tree that some replicas have signed together: a note. */
const signedTree = v.object({
  replicas: boundedArray(replicaId, MAX_REPLICAS),
  note: v.pipe(v.string(), v.maxLength(MAX_NOTE_LENGTH)),
})

/** A line of `GET /tree` on a coordinator: a sign of life, or at the end the replicas and their notes. */
export const treesLine = v.union([
  v.object({
    replicas: boundedArray(
      v.object({
        id: replicaId,
        files: v.optional(size),
        root: v.optional(digest),
        ...failure,
      }),
      MAX_REPLICAS,
    ),
    notes: boundedArray(signedTree, MAX_REPLICAS),
  }),
  v.object({ work: size }),
])

export type TreesLine = v.InferOutput<typeof treesLine>

/** Answer to `GET /trees`: those that a coordinator has kept, the latest first. */
export const keptTrees = v.object({
  trees: boundedArray(v.object({ at: time, ...signedTree.entries }), MAX_LISTING_PAGE),
})

export type KeptTrees = v.InferOutput<typeof keptTrees>

/** A page of `GET /files` on a coordinator. */
export const mergedListing = v.object({
  /** `copies` are those of the replicas that list the name. */
  entries: boundedArray(
    v.object({
      name: v.string(),
      copies: boundedArray(v.object({ id: replicaId, size: knownSize, modified }), MAX_REPLICAS),
    }),
    MAX_LISTING_PAGE,
  ),
  next: v.nullable(v.string()),
  replicas: boundedArray(
    v.object({
      id: replicaId,
      state: v.picklist(['ok', 'error']),
      ...failure,
      /** Its unlisted entries from here to the end of its own page, which may be after `next`. */
      passed: v.optional(passedList),
    }),
    MAX_REPLICAS,
  ),
})

export type MergedListing = v.InferOutput<typeof mergedListing>

/** Answer to `GET /files/{folder}/` in JSON; names are relative to the folder. */
export const directoryListing = v.object({
  /** Empty for the root, else ending with a slash. */
  folder: v.string(),
  entries: boundedArray(
    v.variant('type', [
      v.object({ type: v.literal('directory'), name: v.string() }),
      v.object({ type: v.literal('file'), ...mergedListing.entries.entries.item.entries }),
    ]),
    MAX_DIRECTORY_ROWS,
  ),
  /** What `after` takes to go on; null at the end. */
  next: v.nullable(v.string()),
  replicas: mergedListing.entries.replicas,
})

export type DirectoryListing = v.InferOutput<typeof directoryListing>
