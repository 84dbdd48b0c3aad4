import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type ServerProcess, startServer } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const { path: directory, remove } = createTemporaryDirectory()
let server: ServerProcess | undefined

afterEach(async () => {
  await server?.stop()
  remove()
})

it.runIf(process.platform === 'linux')(
  'a server runs in the process that was started, with memory for a server',
  async () => {
    server = await startServer(['replica', '.', '--port', '0'], directory)
    const read = (file: string) => readFileSync(join('/proc', String(server?.pid), file), 'utf8').split('\0')
    expect(read('cmdline')).toContain('--max-semi-space-size=8')
    expect(read('cmdline')).toContain('--no-allocation-site-pretenuring')
    expect(read('environ')).toContain('MALLOC_ARENA_MAX=2')
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  },
)
