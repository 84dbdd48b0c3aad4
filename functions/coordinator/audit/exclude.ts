import { isValid } from '../../wire/json/parse.ts'
import { MAX_GLOB_LENGTH, MAX_GLOBS, MAX_GLOBS_LENGTH } from '../../wire/limits.ts'
import { globs } from '../../wire/schemas/values.ts'
import type { CoordinatorContext } from '../context.ts'

/** What a list of globs must be, to follow a colon. */
export const GLOBS_RULE = `${MAX_GLOBS} globs at most, of ${MAX_GLOB_LENGTH} characters at most and ${MAX_GLOBS_LENGTH} together`

/**
 * The globs of a request that the coordinator does not exclude itself: without them an audit is one of all
 * names.
 */
export function toMore(
  { exclude: own }: Pick<CoordinatorContext, 'exclude'>,
  asked: readonly string[],
): readonly string[] {
  return asked.filter((glob) => !own.includes(glob))
}

/** What is wrong with the globs of a request, together with those of the coordinator; null when they fit. */
export function findExcess(
  context: Pick<CoordinatorContext, 'exclude'>,
  { match, exclude }: { readonly match: readonly string[]; readonly exclude: readonly string[] },
): string | null {
  const all = [...context.exclude, ...toMore(context, exclude)]
  if (isValid(globs, match) && isValid(globs, all)) return null
  const own = context.exclude.length
  return `match and exclude each take ${GLOBS_RULE}${own === 0 ? '' : `; ${own} of exclude are set at this coordinator`}`
}
