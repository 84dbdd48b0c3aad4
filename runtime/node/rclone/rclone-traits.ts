import * as v from 'valibot'
import type { RcloneRemote } from './rclone-remotes.ts'
import { type RcloneServer, toRefusalError } from './rclone-server.ts'

/** What a remote can tell of its files. */
export interface Traits {
  /** The hash that it is asked for; null for none. */
  readonly hash: string | null
  /** Whether hashes or times cost work for each file, so that listings are without both. */
  readonly isSlow: boolean
  /** Whether it tells the kind of a file: links and devices of a local disk look like files otherwise. */
  readonly hasModes: boolean
  /** Whether a name may find a file of another case or form, or one of several of the same name. */
  readonly isInexact: boolean
}

const features = v.object({
  SlowHash: v.optional(v.boolean()),
  SlowModTime: v.optional(v.boolean()),
  IsLocal: v.optional(v.boolean()),
  CaseInsensitive: v.optional(v.boolean()),
  DuplicateFiles: v.optional(v.boolean()),
})
const info = v.object({ Features: features, Hashes: v.nullable(v.array(v.string())) })

/**
 * Asks a remote, and the stores that it keeps its files in. Rejects with `unreachable` when one cannot be
 * asked.
 */
export async function readTraits(server: RcloneServer, { fs, stores }: RcloneRemote): Promise<Traits> {
  const infos = await Promise.all(
    [fs, ...stores].map(async (one) => {
      const answer = await server.call('operations/fsinfo', { fs: one }, info)
      if (typeof answer === 'string') throw toRefusalError(answer)
      return answer
    }),
  )
  const has = (feature: keyof v.InferOutput<typeof features>) =>
    infos.some(({ Features }) => Features[feature])
  return {
    hash: chooseHash(infos[0]?.Hashes ?? []),
    isSlow: has('SlowHash') || has('SlowModTime'),
    hasModes: has('IsLocal'),
    isInexact: has('CaseInsensitive') || has('DuplicateFiles'),
  }
}

/**
 * SHA-256 itself, else one by which bytes can be verified, else any in which two contents do not meet by
 * chance.
 */
function chooseHash(hashes: readonly string[]): string | null {
  return VERIFIABLE.find((one) => hashes.includes(one)) ?? hashes.find((one) => one !== 'crc32') ?? null
}

/** The hashes, by rclone's names for them, that `node:crypto` has by the same. */
export const VERIFIABLE = ['sha256', 'sha1', 'md5']
