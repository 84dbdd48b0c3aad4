import { compareNames, parseName } from '../../../functions/storage/names.ts'
import { isDigest } from '../../../functions/wire/digest.ts'
import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import { UserError } from '../../node/user-error.ts'
import { toMark } from '../check/rows.ts'
import { NotACoordinator } from '../client/coordinator-client.ts'
import type { Format } from './formats.ts'
import type { Totals } from './output.ts'

/** Turns what an audit reports of all names into the entries of a list. */
export function createList({ lacks, toText }: Format) {
  let last = ''
  let names = 0
  let bytes = 0n
  return {
    /**
     * The entry of a name; null when the replicas do not agree on it. Throws a UserError for a name that the
     * format cannot carry, and when the names do not come in byte order, each once.
     */
    add(manifest: Manifest): string | null {
      const { name, versions } = manifest
      if (parseName(name) === null || compareNames(name, last) <= 0)
        throw new NotACoordinator(`the audit has a name that is not valid, or out of order: '${name}'`)
      last = name
      const [version] = versions
      // Lists alone may agree on another sum, and need not know the size.
      if (toMark(manifest) !== '=' || version === undefined || !isDigest(version.digest)) return null
      const { digest, size } = version
      if (size === null)
        throw new UserError(
          `nothing was written: only lists have '${name}', and none of them its size; name a replica with its bytes`,
        )
      if (lacks?.names.test(name))
        throw new UserError(
          `nothing was written: a list of this format cannot carry the name '${name}', because ${lacks.why}; --format gnu carries every name`,
        )
      names++
      bytes += BigInt(size)
      return toText({ name, digest, size })
    },
    totals: (): Totals => ({ names, bytes }),
  }
}
