import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The report of vitest on a run, in the shape of Jest's. */
export interface Report {
  readonly testResults: readonly {
    /** A path. */
    readonly name: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

const STORES = [
  'memory',
  'a directory',
  'replica servers',
  "workerd's disk service",
  'R2',
  'S3',
  'any web server',
  'rclone',
  'lists of sums',
  'a module',
] as const

type Store = (typeof STORES)[number]

/**
 * The suites of a host on a store, that of every storage and every scenario of a client; or why there are
 * none.
 */
type Cell = readonly string[] | string

const DISK = 'cannot: workerd alone has one'
const R2 = 'through S3'
const RCLONE = 'cannot: starts no program'

const HOSTS: Readonly<Record<string, Readonly<Partial<Record<Store, Cell>>>>> = {
  'any host, in process': {
    memory: ['functions/storage/memory.test.ts', 'tests/scenarios/in-process.test.ts'],
    'a directory': 'cannot: a host has them',
    'replica servers': ['functions/replica/remote.test.ts'],
    "workerd's disk service": DISK,
    R2: 'cannot: workerd has it',
    S3: ['functions/storage/objects/object-storage.test.ts'],
    'any web server': ['functions/storage/web/static-web.test.ts'],
    rclone: RCLONE,
    'lists of sums': [
      'functions/storage/lists/list-storage.test.ts',
      'functions/storage/lists/peers.test.ts',
    ],
    'a module': 'cannot: a host loads it',
  },
  Node: {
    memory: 'as in process',
    'a directory': ['runtime/node/directory-storage.test.ts', 'tests/scenarios/node.test.ts'],
    'replica servers': ['runtime/node/http/remote.test.ts'],
    "workerd's disk service": DISK,
    R2,
    S3: ['tests/s3/objects.test.ts', 'tests/s3/ceph.test.ts', 'tests/s3/faults.test.ts'],
    'any web server': [
      'tests/stores/static-web.test.ts',
      'tests/stores/web-listings.test.ts',
      'tests/scenarios/nginx.test.ts',
    ],
    rclone: ['tests/rclone/rclone-storage.test.ts', 'tests/rclone/rclone.test.ts'],
    'lists of sums': ['tests/lists/writers.test.ts', 'tests/sums/readers.test.ts'],
    'a module': ['runtime/hosting/stores/module.test.ts'],
  },
  workerd: {
    'a directory': 'through the disk service',
    "workerd's disk service": ['tests/stores/disk-storage.test.ts', 'tests/scenarios/miniflare.test.ts'],
    R2: ['tests/stores/r2-storage.test.ts', 'tests/scenarios/r2.test.ts', 'tests/stores/r2-faults.test.ts'],
    rclone: RCLONE,
  },
  Bun: {
    'a directory': ['tests/worlds/bun.test.ts'],
    "workerd's disk service": DISK,
    R2,
    'any web server': ['tests/worlds/bun-web.test.ts'],
  },
  Deno: {
    'a directory': 'cannot: its threads share no open files',
    'replica servers': ['tests/worlds/deno.test.ts'],
    "workerd's disk service": DISK,
    R2,
    'any web server': ['tests/worlds/deno-web.test.ts'],
  },
  'AWS Lambda, by events in process': {
    'a directory': 'cannot: a function has none',
    'replica servers': ['runtime/lambda/handler.test.ts'],
    "workerd's disk service": DISK,
    R2,
  },
}

/** All of them. */
export const SUITES = Object.values(HOSTS).flatMap((cells) =>
  Object.values(cells).flatMap((cell) => (typeof cell === 'string' ? [] : cell)),
)

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The page with the table: every cell names its suites and how many of their tests passed in this run. */
export function toPage(report: Report, versions: readonly (string | undefined)[]): string {
  const header = ['runs on', ...STORES]
  const rows = Object.entries(HOSTS).map(([host, cells]) => [
    host,
    ...STORES.map((store) => toText(report, cells[store] ?? 'not run')),
  ])
  const lines = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `# Runs on × stores on

Written by \`npm run test:worlds\` from what its run came to: Node ${process.version}, Bun and Deno ${versions.join(' and ')}.
A cell names its suites, each with how many of its tests passed.

${lines.join('\n')}

In process everything of a store but the store itself is run: \`functions/storage/objects/object-storage.test.ts\` is what buckets of S3 and
R2, and web servers, have in common. No bucket of Amazon or Cloudflare, and no function of Amazon, was ever asked.
`
}

function toText(report: Report, cell: Cell): string {
  if (typeof cell === 'string') return cell
  return cell.map((suite) => `\`${suite}\` ${toCount(report, suite)}`).join('<br>')
}

function toCount({ testResults }: Report, suite: string): string {
  const results = testResults.find(({ name }) => relative(ROOT, name) === suite)?.assertionResults ?? []
  const count = (status: string) => results.filter((result) => result.status === status).length
  const [passed, failed] = [count('passed'), count('failed')]
  const skipped = results.length - passed - failed
  // A suite that is missing, or failed before its first test, must not count as passed.
  if (results.length === 0) return 'not run'
  return `${passed}${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} not run` : ''}`
}
