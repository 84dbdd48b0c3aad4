import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// No test touches the caches of whoever runs it.
const cache = mkdtempSync(join(tmpdir(), 'vouch-cache-'))

export default defineConfig({
  // Examples import the package by its name; where none is installed, that is its sources.
  resolve: { tsconfigPaths: true },
  test: {
    // What npm run test:worlds fetches, and nothing else has.
    exclude: process.env['VOUCH_BUN'] === undefined ? ['emulator/worlds/**'] : [],
    include: [
      'functions/**/*.test.ts',
      'runtime/**/*.test.ts',
      'emulator/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    env: { XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: join(cache, 'node') },
    // They only end what stands still: a busy machine is no fault.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests wait for processes and sockets, so two share a machine of two cores well.
    maxWorkers: 2,
  },
})
