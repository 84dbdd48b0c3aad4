import { parseName } from '../../storage/names.ts'
import { withTimeout } from '../../wire/limit.ts'
import { PAGE_WAIT_MS } from '../../wire/limits.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { AskOptions } from '../ask/member.ts'
import { compare } from '../compare/compare.ts'
import { toManifest } from '../compare/report.ts'
import type { CoordinatorContext } from '../context.ts'
import type { Row } from './folder.ts'

/**
 * The manifests, by name, of those files among `rows`, at most `MAX_LISTING_PAGE`, that all replicas have
 * answered for within `PAGE_WAIT_MS`.
 */
export async function readManifests(
  { members, corruptCopies }: Pick<CoordinatorContext, 'members' | 'corruptCopies'>,
  rows: readonly Row[],
  caller: AskOptions,
): Promise<Map<string, Manifest>> {
  const names = rows.filter(({ copies }) => copies !== null).map(({ name }) => name)
  const askable = names.filter((name) => parseName(name) !== null)
  const asked = members.map((member) => member.askAll(askable, caller))
  const manifests = new Map<string, Manifest>()
  const all = askable.map(async (name, i) => {
    const answers = await Promise.all(asked.flatMap((ofMember) => ofMember[i] ?? []))
    manifests.set(name, toManifest(name, compare(corruptCopies.judge(answers, name))))
  })
  await withTimeout(PAGE_WAIT_MS, Promise.all(all))
  return new Map(manifests)
}
