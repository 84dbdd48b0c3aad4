import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What vitest reports of a run, in the shape of Jest's. */
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
] as const

/** The suites of a host, by the stores they run on: that of every storage, and every scenario of a client. */
const HOSTS: Readonly<Record<string, Readonly<Partial<Record<(typeof STORES)[number], readonly string[]>>>>> =
  {
    'any host, in process': {
      memory: ['functions/storage/memory.test.ts', 'emulator/scenarios/in-process.test.ts'],
      S3: ['functions/storage/object-storage.test.ts'],
      'any web server': ['functions/storage/static-web.test.ts'],
    },
    Node: {
      'a directory': ['runtime/node/directory-storage.test.ts', 'emulator/scenarios/node.test.ts'],
      'replica servers': ['runtime/node/remote.test.ts'],
      S3: ['runtime/s3/objects.test.ts', 'runtime/s3/ceph.test.ts', 'runtime/s3/faults.test.ts'],
      'any web server': ['emulator/static-web.test.ts'],
    },
    workerd: {
      "workerd's disk service": ['emulator/disk-storage.test.ts', 'emulator/scenarios/miniflare.test.ts'],
      R2: ['emulator/r2-storage.test.ts', 'emulator/scenarios/r2.test.ts', 'emulator/r2-faults.test.ts'],
    },
    Bun: { 'a directory': ['emulator/worlds/bun.test.ts'] },
    Deno: { 'replica servers': ['emulator/worlds/deno.test.ts'] },
  }

/** All of them. */
export const SUITES = Object.values(HOSTS).flatMap((suites) => Object.values(suites).flat())

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The page with the table: every cell names its suites and how many of their tests passed in this run. */
export function toPage(report: Report, versions: readonly (string | undefined)[]): string {
  const header = ['runs on', ...STORES]
  const rows = Object.entries(HOSTS).map(([host, suites]) => [
    host,
    ...STORES.map((store) => toCell(report, suites[store] ?? [])),
  ])
  const lines = [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `# Runs on × stores on

Written by \`npm run test:worlds\` from what its run came to: Node ${process.version}, Bun and Deno ${versions.join(' and ')}.
A cell names its suites, each with how many of its tests passed; an empty one was not run.

${lines.join('\n')}

The portable half of the S3 adapter (\`functions/storage/object-storage.ts\`) runs on every host; S3 itself was asked from Node.
On Deno the command opens no directories: its threads share no open files. AWS Lambda has no entry of its own: the function of
\`createCoordinator\` is what \`hono/aws-lambda\` takes, and nothing of it was run there.
`
}

function toCell(report: Report, suites: readonly string[]): string {
  return suites.map((suite) => `\`${suite}\` ${toCount(report, suite)}`).join('<br>')
}

function toCount({ testResults }: Report, suite: string): string {
  const results = testResults.find(({ name }) => relative(ROOT, name) === suite)?.assertionResults ?? []
  const count = (status: string) => results.filter((result) => result.status === status).length
  const [passed, failed] = [count('passed'), count('failed')]
  const skipped = results.length - passed - failed
  return `${passed}${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} not run` : ''}`
}
