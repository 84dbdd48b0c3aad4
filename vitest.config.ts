import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// No test touches the caches of the user who runs it, or reads their settings.
const cache = mkdtempSync(join(tmpdir(), 'test-cache-'))
process.on('exit', () => rmSync(cache, { recursive: true, force: true, maxRetries: 5 }))
// Node reads it when a process starts: the workers of Vitest, their threads and the programs that tests start
// share what is compiled, which halves the start of a thread.
process.env['NODE_COMPILE_CACHE'] = join(cache, 'node')

const portable = ['functions/**/*.test.ts', 'runtime/{s3,workers}/**/*.test.ts', 'examples/*.test.ts']
/** A test that replaces a module, or part of a host, needs a process and a module graph of its own. */
const replacing = globSync('{functions,runtime,scripts,emulator,tests}/**/*.test.ts', {
  exclude: ['**/node_modules/**'],
}).filter((path) => /\b(vi\.mock|patchBuiltin)\(/.test(readFileSync(path, 'utf8')))
// What npm run test:worlds fetches, and nothing else has.
const elsewhere = process.env['VOUCH_BUN'] === undefined ? ['tests/worlds/**'] : []

/** The test files that take longest, longest first: begun last, one of them would run on alone at the end. */
const LONGEST = [
  'tests/guide/guide.test.ts',
  'tests/stores/r2-storage.test.ts',
  'tests/package/package.test.ts',
  'tests/siege/siege.test.ts',
  'tests/stores/static-web.test.ts',
  'runtime/node/directory-storage.test.ts',
  'tests/browser/browser-video.test.ts',
  'tests/siege/large-file.test.ts',
  'tests/clients/mounts.test.ts',
  'tests/clients/vouch-mount.test.ts',
  'tests/clients/clients.test.ts',
  'runtime/node/http/remote.test.ts',
  'tests/s3/objects.test.ts',
  'tests/operating/wrangler.test.ts',
  'tests/browser/browser.test.ts',
  'runtime/node/write/crash.test.ts',
  'runtime/node/tree/tree-large.test.ts',
  'tests/browser/browser-pages.test.ts',
  'runtime/hosting/workers/run-workers.test.ts',
  'emulator/faults.test.ts',
  'tests/clients/trees.test.ts',
  'tests/stores/audit-worker.test.ts',
  'tests/scenarios/r2.test.ts',
  'tests/siege/fire.test.ts',
  'tests/rclone/rclone-storage.test.ts',
  'runtime/hosting/access.test.ts',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.findIndex((path) => moduleId.endsWith(path))
      return place < 0 ? LONGEST.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * Runs the bundled programs of threads, of which a test starts several, and which start faster than their
 * sources.
 */
const bundledThreads: Plugin = {
  name: 'bundled-threads',
  transform(code, id) {
    if (!id.endsWith('/runtime/node/threads/thread.ts')) return
    const source = code.replace('function toProgram(', 'function toSource(')
    if (source === code) throw new Error(`${id} finds the programs of threads in another way`)
    return `${source}
function toProgram(name) {
  if (!name.endsWith('-worker')) return toSource(name)
  return new URL(name + '.js', 'file://' + process.env['VOUCH_THREADS'] + '/')
}`
  },
}

export default defineConfig({
  plugins: [bundledThreads],
  // Examples import the package by its name; where it is not installed, that is its sources.
  resolve: { tsconfigPaths: true },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', isolate: false, include: portable, exclude: replacing },
      },
      {
        extends: true,
        test: {
          name: 'system',
          isolate: false,
          include: ['{runtime/*,scripts,emulator,tests}/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'runtime/{s3,workers}/**', ...elsewhere, ...replacing],
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: replacing, exclude: elsewhere },
      },
    ],
    env: { XDG_CACHE_HOME: cache, XDG_CONFIG_HOME: cache },
    globalSetup: 'vitest.setup.ts',
    sequence: { sequencer: LongestFirst },
    // They only end what stands still: a busy machine is not a fault.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // Most tests wait for processes, disks and sockets: three keep a machine of two cores busy.
    maxWorkers: 3,
  },
})
