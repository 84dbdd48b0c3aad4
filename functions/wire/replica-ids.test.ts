import { describe, expect, it } from 'vitest'
import { parseReplicaStatus, toReplicaStatus } from './fields/fields.ts'
import { MAX_REPLICA_STATUS_BYTES } from './limits.ts'
import { findWrongIds } from './replica-ids.ts'
import type { ReplicaReport } from './schemas/manifest.ts'

const toIds = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => `r${i}`.padEnd(length, 'x'))

describe('the ids of replicas', () => {
  it.each([
    [['a', 'b.c-d_E9'], null],
    [toIds(106, 8), null],
    [[], 'a coordinator needs at least one replica'],
    [['a', '1'], "'1' is not a valid replica id"],
    [['a', 'b', 'a'], "each replica needs an id of its own, got 'a' twice"],
    [
      toIds(107, 8),
      'the 107 replicas take 2,566 bytes in the field Replica-Status, which has room for 2,560: use fewer replicas, or shorter ids',
    ],
    [toIds(33, 64), expect.stringContaining('has room for 2,560')],
  ])('fit one header field, or are refused %#', (ids, wrong) => {
    expect(findWrongIds(ids)).toEqual(wrong)
  })
})

describe('Replica-Status', () => {
  const states = ['match', 'differ', 'missing', 'error', 'corrupt'] as const
  const toReports = (count: number): ReplicaReport[] =>
    toIds(count, 8).map((id, i) => {
      const state = states[i % states.length] ?? 'match'
      return {
        id,
        state,
        ...(state === 'differ' && { version: 'a'.repeat(64) }),
        ...((state === 'match' || state === 'differ') && { evidence: 'remembered', age: 86_400 }),
        ...(state === 'error' && { error: 'connection_timeout' }),
      }
    })

  it('has an item for each replica, up to the limit, within the field size of a proxy', () => {
    for (let count = 1; count <= 106; count++) {
      const field = toReplicaStatus(toReports(count))
      expect(field.length).toBeLessThanOrEqual(MAX_REPLICA_STATUS_BYTES)
      const read = parseReplicaStatus(field)
      expect(read?.map(({ id, state }) => ({ id, state }))).toEqual(
        toReports(count).map(({ id, state }) => ({ id, state })),
      )
    }
  })

  it('omits version and error of every item when not all fit, then evidence and age', () => {
    expect(toReplicaStatus(toReports(10))).toContain(';version=')
    const shorter = toReplicaStatus(toReports(60))
    expect(shorter).not.toMatch(/version|error=/)
    expect(shorter.match(/;evidence=remembered;age=86400/g)).toHaveLength(24)
    const long = toReplicaStatus(toReports(100))
    expect(long).toMatch(/^(r\d+x+;state=(match|differ|missing|error|corrupt)(, |$)){100}$/)
  })
})
