import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { type NumberedBucket, type Requests, startNumbered } from './numbered.suite.ts'

/** VOUCH_OBJECTS=200000 for the figures of docs/scale.md. */
const OBJECTS = Number(process.env['VOUCH_OBJECTS'] ?? 1200)

/** Two buckets of S3 that differ in some objects, and the commands over them. */
async function setUp(one: Partial<NumberedBucket>, differing: readonly number[]) {
  const base = { objects: OBJECTS, isSummed: () => true, toContent: (n: number) => `content ${n}`, ...one }
  const other = {
    ...base,
    toContent: (n: number) => (differing.includes(n) ? `CONTENT ${n}` : base.toContent(n)),
  }
  const server = await startNumbered({ 'bucket-one': base, 'bucket-two': other })
  onTestFinished(() => server.close())
  const stage = createStage()
  const env = {
    ...{ AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'SECRET', AWS_ENDPOINT_URL_S3: server.endpoint },
    XDG_CACHE_HOME: join(stage.cwd, 'cache'),
  }
  // A busy machine must not take a bucket for silent.
  const replicas = [
    '--replica',
    'one=s3://bucket-one',
    '--replica',
    'two=s3://bucket-two',
    '--silence-timeout',
    '3600',
  ]
  const ids = { one: 'bucket-one', two: 'bucket-two' }
  return {
    /** The last line of a command's output; and what its buckets were asked, by their own count. */
    async run(...args: string[]) {
      const { stdout, stderr } = await stage.run([...args, '--json', ...replicas], { env })
      if (stdout === '') throw new Error(stderr)
      const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
      const asked = Object.values(ids).map((name) => server.take(name))
      return { last, asked, stderr }
    },
  }
}

/**
 * Whether each class of calls is estimated within 5 %, or to a few calls where there are few; each name that
 * differs, and that nothing has shown before, may cost a listing more.
 */
function expectAlike(estimated: readonly Requests[], counted: readonly Requests[], unforeseen = 0): void {
  expect(estimated).toHaveLength(counted.length)
  const expectNear = (before: number, after: number, more: number, what: string) =>
    expect(Math.abs(before - after), `${what}: ${before} and ${after}`).toBeLessThanOrEqual(
      Math.max(4, after / 20) + more,
    )
  for (const [i, told] of estimated.entries()) {
    const count = counted[i] ?? told
    expectNear(told.list, count.list, 1.2 * unforeseen, `list of bucket ${i}`)
    expectNear(told.head + told.get, count.head + count.get, 0, `ask of bucket ${i}`)
  }
}

/** What the command counted is what the buckets were asked; a body that it cancelled may have been sent. */
function expectCounted(counted: readonly Requests[], asked: readonly Requests[]): void {
  const withoutBytes = ({ list, head, get }: Requests) => ({ list, head, get })
  expect(counted.map(withoutBytes)).toEqual(asked.map(withoutBytes))
  for (const [i, { bytes }] of counted.entries()) expect(bytes).toBeLessThanOrEqual(asked[i]?.bytes ?? 0)
}

const toCalls = ({ replicas }: { readonly replicas: readonly { readonly calls: Requests }[] }) =>
  replicas.map(({ calls: { list, head, get, bytes } }) => ({ list, head, get, bytes }))

it.each([
  ['that keep digests', {}],
  ['that keep none', { isSummed: () => false }],
  ['of which some keep one', { isSummed: (n: number) => Math.imul(n, 0x9e3779b1) >>> 30 > 0 }],
])('what a check takes of buckets %s is estimated, counted and remembered', async (_title, bucket) => {
  const differing = Array.from(
    { length: OBJECTS < 100_000 ? 2 : 15 },
    (_, i) => Math.floor((OBJECTS / 15) * i) + 7,
  )
  const { run } = await setUp(bucket, differing)
  const before = await run('estimate')
  const spent = before.asked.map(({ get, bytes }) => get + bytes)
  expect(spent).toEqual([0, 0])
  const first = await run('check')
  expect(first.stderr).not.toContain('warning')
  expect(first.last.summary.agreements).toEqual({
    conflict: differing.length,
    unanimous: OBJECTS - differing.length,
  })
  expectCounted(toCalls(first.last.summary), first.asked)
  expectAlike(toCalls(before.last), first.asked, differing.length)

  const again = await run('estimate')
  expect(again.last.differing).toBe(differing.length)
  const second = await run('check')
  expectCounted(toCalls(second.last.summary), second.asked)
  expectAlike(toCalls(again.last), second.asked)
  expect(second.asked.map(({ get, head }) => get + head)).toEqual([differing.length, differing.length])
  if (process.env['VOUCH_OBJECTS'] !== undefined)
    console.log(JSON.stringify([toCalls(before.last), first.asked, toCalls(again.last), second.asked]))
})

it('what a check of every byte takes is estimated, beside what the last check took', async () => {
  const { run } = await setUp({ objects: 300 }, [])
  const { last } = await run('check')
  const deep = await run('estimate', '--deep')
  expect(deep.last.last.replicas).toEqual(
    last.summary.replicas.map(({ id, calls }: { id: string; calls: Requests }) => ({ id, calls })),
  )
  const read = await run('check', '--deep')
  expect(toCalls(deep.last)).toEqual(read.asked)
})

it('a check says what it took, and an estimate names the prices', async () => {
  const { run } = await setUp({ objects: 5 }, [])
  const check = await run('check')
  expect(check.stderr).toContain('calls: one 1 LIST, 5 HEAD; two 1 LIST, 5 HEAD; CPU of this command ')
  const { last } = await run('estimate', 'photos/')
  expect(last).toMatchObject({
    prefix: 'photos/',
    pricesRead: expect.stringMatching(/^20\d\d-\d\d-\d\d$/),
    replicas: [
      { id: 'one', names: 5, calls: { prices: null, list: 1, head: 0 }, dollars: null },
      { id: 'two', names: 5 },
    ],
    last: null,
  })
})
