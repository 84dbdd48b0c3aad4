import { expect, it } from 'vitest'
import { NOTHING_SEEN } from '../../survey/survey.ts'
import { ask, createStorage } from '../lists.suite.ts'

const A = 'a'.repeat(64)

function toReplica(id: string, changes: object = {}) {
  return { id, state: 'ok', seen: NOTHING_SEEN, of: null, passed: [], ...changes }
}

const MANIFEST = {
  name: 'a',
  agreement: 'unanimous',
  versions: [{ digest: A, size: 1, modified: null, replicas: ['x', 'y'], href: '/' }],
  replicas: ['x', 'y'].map((id) => ({ id, state: 'match', version: A })),
}

const SUMMARY = {
  agreement: 'unanimous',
  names: 1,
  agreements: { unanimous: 1 },
  rotten: 0,
  uncompared: 0,
  replicas: [toReplica('x'), toReplica('y')],
}

function open(...lines: readonly object[]) {
  return createStorage({ name: 'list', bytes: lines.map((line) => `${JSON.stringify(line)}\n`).join('') })
}

it('a check of all names says of each other name that it was missing', async () => {
  expect(await ask(open(MANIFEST, { summary: SUMMARY }), ['a', 'none'])).toEqual([A, null])
})

const SCOPE = { prefix: '', after: '', match: [], exclude: [] }

it.each<[string, object, string]>([
  [
    'left out a replica',
    { replicas: [toReplica('x'), toReplica('y', { state: 'error', error: 'timeout', detail: 'late' })] },
    "left out the replica 'y'",
  ],
  ['ended early', { next: 'a' }, 'ended before the last name'],
  ['could not compare all', { uncompared: 2 }, 'counts 2 entries that could not be compared'],
  ['excluded names', { exclude: ['*.tmp', 'x'] }, "without the names that '*.tmp x' match"],
  ['has a prefix', { scope: { ...SCOPE, prefix: 'a' } }, "some names only: prefix 'a'"],
  ['began later', { scope: { ...SCOPE, after: '0' } }, "some names only: after '0'"],
  ['has globs', { scope: { ...SCOPE, match: ['a'], exclude: ['b'] } }, "only: match 'a', exclude 'b'"],
])('a check that %s calls nothing missing', async (_what, changes, words) => {
  const list = open(MANIFEST, { summary: { ...SUMMARY, ...changes } })
  expect(await ask(list, ['a', 'none'])).toEqual([A, expect.stringContaining(words)])
})

it('a check without its summary calls nothing missing', async () => {
  expect(await ask(open(MANIFEST), ['a', 'none'])).toEqual([A, expect.stringContaining('has no summary')])
})
