import type { Answer } from '../compare/compare.ts'
import type { CorruptCopies } from '../compare/corrupt-copies.ts'
import type { AskOptions, Member } from './member.ts'

interface GatherOptions extends AskOptions {
  readonly members: readonly Member[]
  readonly name: string
  readonly corruptCopies: Pick<CorruptCopies, 'judge'>
}

/** Stored on the promise itself: a WeakMap with short-lived keys is slow to collect. */
const GATHERED = Symbol('gathered')

/** A member's answer, and what was gathered when it was that of the first member. */
interface Asked extends Promise<Answer> {
  [GATHERED]?: Gathered
}

interface Gathered {
  /** The answer of each member, in order. */
  readonly asked: readonly Asked[]
  readonly answers: Promise<readonly Answer[]>
}

/**
 * Asks all members for one name at once, and returns an answer for each, in order. Never rejects. Reads that
 * share the question to every member get the same array, so that each of them waits once.
 */
export function gather(asker: GatherOptions): Promise<readonly Answer[]> {
  const { members, name } = asker
  const asked: readonly Asked[] = members.map((member) => member.ask(name, asker))
  const [first] = asked
  const known = first?.[GATHERED]
  if (known !== undefined && areSame(known.asked, asked)) return known.answers
  const answers = waitForAll(asked, asker)
  if (first !== undefined) first[GATHERED] = { asked, answers }
  return answers
}

function areSame(before: readonly Asked[], now: readonly Asked[]): boolean {
  return before.length === now.length && before.every((one, i) => one === now[i])
}

async function waitForAll(
  asked: readonly Asked[],
  { corruptCopies, name }: GatherOptions,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  // None of them rejects, so this waits for all of them, without the promises of `Promise.all`.
  for (const answer of asked) answers.push(await answer)
  return corruptCopies.judge(answers, name)
}
