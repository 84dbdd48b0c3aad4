import type { Manifest } from '../../../functions/wire/schemas/manifest.ts'
import type { Io } from '../../hosting/io.ts'
import type { Notifier } from '../../hosting/notify.ts'
import { UserError } from '../../node/user-error.ts'
import { printRun } from '../check/print.ts'
import type { Options } from '../options/declaration.ts'
import type { MERGE } from '../options/merge.ts'
import { type Parts, readAll, toParts, toWhole } from './merge.ts'
import { readResult } from './result-file.ts'

/** Prints the results in these files as one check would have; resolves with its exit status. */
export async function printMerged(
  paths: readonly string[],
  options: Options<typeof MERGE> & { readonly excluded: readonly string[] },
  io: Io,
  notifier: Notifier | undefined,
): Promise<number> {
  const results = []
  for (const path of paths) results.push(await readResult(path, io))
  const parts = toParts(results)
  const lacking = parts.find(({ hasAll }) => options.all && !hasAll)
  if (lacking !== undefined)
    throw new UserError(`'${lacking.path}' lacks the names that are the same; check that part with --all too`)
  const { scope } = parts[0]
  const { prefix = '', match = [], exclude = [] } = scope ?? {}
  return await printRun(
    (onNames) => read(parts, options.all, io, onNames),
    prefix,
    { ...options, match, exclude, single: true },
    io,
    notifier,
  )
}

async function read(
  parts: Parts,
  all: boolean,
  io: Io,
  onNames: (manifests: readonly Manifest[]) => Promise<void>,
) {
  let batch: Manifest[] = []
  for await (const manifest of readAll(parts, io)) {
    if (!all && isSame(manifest)) continue
    batch.push(manifest)
    if (batch.length < NAMES_AT_ONCE) continue
    await onNames(batch)
    batch = []
  }
  if (batch.length > 0) await onNames(batch)
  return toWhole(parts)
}

/** Names that are printed at once. */
const NAMES_AT_ONCE = 256

function isSame({ agreement, replicas }: Manifest): boolean {
  return agreement === 'unanimous' && replicas.every(({ rottedFrom }) => rottedFrom === undefined)
}
