import { MAX_MISSING_HELD } from '../../wire/limits.ts'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { PlanStep } from '../../wire/schemas/plan.ts'
import type { Rule } from '../../wire/schemas/policy.ts'
import { createMissingNames, type MissingName } from '../compare/missing-name.ts'
import { findRenames, type Rename } from '../compare/renames.ts'
import { hasSource } from '../compare/report.ts'
import { findPolicy, toSteps } from './plan.ts'

/** A missing name that can be copied or moved. */
interface SizedName extends MissingName {
  readonly size: number
}

function isSized(name: MissingName): name is SizedName {
  return name.size !== null
}

interface MovesOptions {
  readonly ids: readonly string[]
  readonly rules: readonly Rule[]
  /** As of `planName`. */
  readonly records: ReadonlySet<string>
}

export type Moves = ReturnType<typeof createMoves>

/**
 * Holds the names that some replicas lack, up to a limit, until the end shows which of them are two names of
 * one file. The steps of a file with two names move it; those of all others copy it.
 */
export function createMoves({ ids, rules, records }: MovesOptions) {
  const names = createMissingNames()
  const held: SizedName[] = []
  let unpaired = 0

  return {
    /** Whether the name is held, so that its steps come at the end. */
    hold(manifest: Manifest): boolean {
      const missing = names.parse(manifest)
      const [version] = manifest.versions
      if (missing === null || !isSized(missing)) return false
      if (version === undefined || !hasSource(version, manifest.replicas)) return false
      if (held.length === MAX_MISSING_HELD) {
        unpaired++
        return false
      }
      held.push(missing)
      return true
    },
    /** The names that came after the limit. */
    unpaired: () => unpaired,
    /** The steps of all names that were held, in their order; a move in the place of its first name. */
    *toSteps(): Generator<PlanStep> {
      const renames = findRenames(held)
      const moved = new Map(
        renames.flatMap((rename) => [rename.from, rename.to].map((name) => [name, rename])),
      )
      const done = new Set<Rename<SizedName>>()
      for (const name of held) {
        const rename = moved.get(name)
        if (rename === undefined) yield* toSteps(name.name, name, toSeen(name, ids), records)
        else if (!done.has(rename)) {
          done.add(rename)
          yield* toMoves(rename, { ids, rules, records })
        }
      }
    },
  }
}

/**
 * The moves that give a file one name everywhere: the new one of the rename, as `check` shows it, unless the
 * rule for its old name keeps the old one, because a replica that it names has it, or more than half of all.
 */
function toMoves({ from, to }: Rename<SizedName>, { ids, rules, records }: MovesOptions): PlanStep[] {
  const policy = findPolicy(from.name, rules)
  const { holders } = from.sides
  const isOldKept =
    typeof policy === 'object'
      ? holders.includes(policy.keep)
      : policy === 'majority' && holders.length * 2 > ids.length
  const [source, target] = isOldKept ? [to, from] : [from, to]
  return toSteps(target.name, target, toSeen(target, ids), records).map(({ name, ...step }) => ({
    ...{ name, from: source.name },
    ...step,
  }))
}

function toSeen({ digest, sides }: MissingName, ids: readonly string[]): PlanStep['seen'] {
  return Object.fromEntries(ids.map((id) => [id, sides.holders.includes(id) ? digest : null]))
}
