import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// No test touches the caches of the user that runs it.
const cache = mkdtempSync(join(tmpdir(), 'vouch-cache-'))

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['tests/filesystems/*.suite.ts'],
    env: { XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: join(cache, 'node') },
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Most of the time each of them waits for a clock.
    maxConcurrency: 4,
    maxWorkers: 2,
    reporters: 'verbose',
  },
})
