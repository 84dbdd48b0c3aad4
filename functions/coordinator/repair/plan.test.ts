import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Manifest } from '../../wire/schemas/manifest.ts'
import type { Policy, Rule } from '../../wire/schemas/policy.ts'
import { compare } from '../compare/compare.ts'
import { toManifest } from '../compare/report.ts'
import { planName } from './plan.ts'

const DIGESTS = ['a', 'b', 'c'].map((digit) => digit.repeat(64))

/** What `r0`, `r1`… hold: which of the digests, and since when; null for nothing, `!` for no answer. */
type Held = { readonly version: number; readonly modified: number | null } | null | '!'

function toPlanned(held: readonly Held[], policy: Policy, name = 'x') {
  return planName(describeHeld(held, name), [{ prefix: '', policy }], new Set())
}

function describeHeld(held: readonly Held[], name: string): Manifest {
  const answers = held.map((one, i) => {
    if (one === null || one === '!') return { id: `r${i}`, said: null }
    const digest = DIGESTS[one.version] ?? ''
    return {
      id: `r${i}`,
      said: { size: 3, digest, modified: one.modified, evidence: 'read' as const, age: 0 },
    }
  })
  const manifest = toManifest(name, compare(answers))
  const replicas = manifest.replicas.map((report, i) =>
    held[i] === '!' ? { id: report.id, state: 'error' as const, error: 'connection_refused' } : report,
  )
  return { ...manifest, agreement: held.includes('!') ? 'degraded' : manifest.agreement, replicas }
}

const at = (version: number, modified: number | null = null) => ({ version, modified })

describe('a plan of one name', () => {
  const table: readonly (readonly [string, readonly Held[], Policy, Record<string, number> | null])[] = [
    ['has nothing to do where all are alike', [at(0), at(0)], 'fill-missing', {}],
    ['fills in missing copies', [at(0), null, null], 'fill-missing', { r1: 0, r2: 0 }],
    ['leaves a difference alone', [at(0), at(1), null], 'fill-missing', null],
    ['leaves a name alone that a replica did not report', [at(0), null, '!'], 'fill-missing', null],
    ['leaves a difference alone while a replica is silent', [at(0), at(1), '!'], { keep: 'r0' }, null],
    ['keeps what one replica holds', [at(0), at(1), null], { keep: 'r1' }, { r0: 1, r2: 1 }],
    ['keeps nothing of a replica that lacks it', [at(0), at(1), null], { keep: 'r2' }, null],
    ['fills in by any policy', [at(0), null], { keep: 'r1' }, { r1: 0 }],
    ['keeps the newest', [at(0, 1), at(1, 3), at(2, 2)], 'newest', { r0: 1, r2: 1 }],
    ['keeps neither of two versions with the same time', [at(0, 3), at(1, 3)], 'newest', null],
    ['keeps no version as the newest when one has no time', [at(0, 3), at(1)], 'newest', null],
    ['keeps the version that most replicas hold', [at(0), at(1), at(1)], 'majority', { r0: 1 }],
    ['counts replicas without the file against a majority', [at(0), at(1), at(1), null], 'majority', null],
    ['keeps no version without a majority', [at(0), at(1)], 'majority', null],
  ]

  it.each(table)('%s', (_, held, policy, writes) => {
    const steps = toPlanned(held, policy)
    const planned = steps && Object.fromEntries(steps.map(({ to, digest }) => [to, DIGESTS.indexOf(digest)]))
    expect(planned).toEqual(writes)
    const seen = held.map((one, i) => [`r${i}`, one === null || one === '!' ? null : DIGESTS[one.version]])
    for (const step of steps ?? []) expect(step.seen).toEqual(Object.fromEntries(seen))
  })

  it.each([
    [
      'the version from which the rest rotted, also where it is missing',
      [at(0), at(1), null],
      { r1: 0 },
      ['r1', 'r2'],
    ],
    ['no version where another copy differs too', [at(0), at(1), at(2)], { r1: 0 }, null],
    ['no version where a copy rotted from another', [at(0), at(1)], { r1: 2 }, null],
    ['no version that no replica holds now', [at(1), at(2)], { r0: 0, r1: 0 }, null],
    ['no version of which the only copy rotted', [at(1), null], { r0: 0 }, null],
    ['no version without rot', [at(0), at(1)], {}, null],
    ['no version that a copy written as the rotten one shares', [at(1), at(1), at(0)], { r1: 0 }, null],
    ['what is only missing', [at(0), null], {}, ['r1']],
  ] as const)('repairs with %s', (_, held, rot: Readonly<Record<string, number>>, to) => {
    const manifest = describeHeld(held, 'x')
    const replicas = manifest.replicas.map((report) => {
      const from = rot[report.id]
      return from === undefined ? report : { ...report, rottedFrom: DIGESTS[from] }
    })
    const steps = planName({ ...manifest, replicas }, [{ prefix: '', policy: 'repair' }], new Set())
    expect(steps?.map((step) => step.to) ?? null).toEqual(to)
    for (const { digest } of steps ?? []) expect(digest).toBe(DIGESTS[0])
  })

  it('applies the rule with the longest prefix, the later of two equal ones', () => {
    const rules: Rule[] = [
      { prefix: '', policy: 'majority' },
      { prefix: 'photos/', policy: { keep: 'r0' } },
      { prefix: 'photos/raw/', policy: 'fill-missing' },
      { prefix: 'photos/', policy: { keep: 'r1' } },
    ]
    const plan = (name: string) =>
      planName(describeHeld([at(0), at(1), at(0)], name), rules, new Set())?.map(({ to }) => to) ?? null
    expect(plan('a')).toEqual(['r1'])
    expect(plan('photos/1')).toEqual(['r0', 'r2'])
    expect(plan('photos/raw/1')).toBeNull()
  })

  it('writes one version to all replicas that do not hold it, or nothing', () => {
    const held = fc.array(
      fc.oneof(
        fc.constant(null),
        fc.constant('!' as const),
        fc.record({ version: fc.nat(2), modified: fc.option(fc.nat(3)) }),
      ),
      { minLength: 1, maxLength: 5 },
    )
    const policies: Policy[] = ['fill-missing', 'newest', 'majority', 'repair', { keep: 'r0' }]
    fc.assert(
      fc.property(held, fc.constantFrom(...policies), (held, policy) => {
        const steps = toPlanned(held, policy) ?? []
        if (steps.length === 0) return
        const [first] = steps
        const lacking = held.flatMap((one, i) =>
          one !== null && one !== '!' && DIGESTS[one.version] === first?.digest ? [] : [`r${i}`],
        )
        expect(steps.map(({ to }) => to)).toEqual(lacking)
        expect(new Set(steps.map(({ digest }) => digest)).size).toBe(1)
        expect(held).not.toContain('!')
      }),
    )
  })
})
