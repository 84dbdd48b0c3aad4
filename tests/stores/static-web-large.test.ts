import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startServer } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import { startNginx } from './web-servers.suite.ts'

const SIZE = 5 * 1024 ** 3
/** As in the test of large files through replica and coordinator. */
const MAX_MEMORY_KIB = 512 * 1024
const OLD = new Date('2026-01-01T00:00:00Z')

const isWanted = process.env['VOUCH_HUGE'] === '1'
if (!isWanted) console.warn('NOT TESTED without VOUCH_HUGE=1: 5 GiB from a web server')

it.skipIf(!isWanted || !hasProgram('nginx', '5 GiB from a web server'))(
  '5 GiB of a web server, and a range at their end, pass through a coordinator with flat memory',
  { timeout: 600_000 },
  async () => {
    const { path: scratch, remove } = createTemporaryDirectory('vouch-web-large-')
    const root = join(scratch, 'root')
    makeSparseFile(root)
    const web = await startNginx(join(scratch, 'nginx'), root, '')
    const coordinator = await startServer(
      ['coordinator', '--single', '--replica', `web=static+${web.url}/`],
      scratch,
    )
    try {
      const url = `${coordinator.url}/files/large.bin`
      const { headers, size, digest } = await download(url)
      expect(headers['replica-agreement']).toBe('unanimous;answered=1;of=1')
      expect(size).toBe(SIZE)
      expect(headers['repr-digest']).toBe(`sha-256=:${digest}:`)
      const part = await download(url, `bytes=${SIZE - 5}-`)
      expect([part.headers['content-range'], part.size]).toEqual([`bytes ${SIZE - 5}-${SIZE - 1}/${SIZE}`, 5])
      const peakKib = readPeakKib(coordinator.pid)
      console.log(`5 GiB from a web server: at most ${Math.round(peakKib / 1024)} MiB of memory`)
      expect(peakKib).toBeLessThan(MAX_MEMORY_KIB)
    } finally {
      await coordinator.stop()
      await web.stop()
      remove()
    }
  },
)

/** `large.bin`, all holes, with an old time. */
function makeSparseFile(root: string): void {
  mkdirSync(root)
  const path = join(root, 'large.bin')
  writeFileSync(path, '')
  truncateSync(path, SIZE)
  utimesSync(path, OLD, OLD)
  expect(statSync(path).blocks * 512, 'the temporary directory keeps no sparse files').toBeLessThan(SIZE / 2)
}

async function download(url: string, range?: string) {
  const headers = range === undefined ? {} : { Range: range }
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage] // the event's only argument
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of response) {
    hash.update(chunk)
    size += chunk.length
  }
  return { headers: response.headers, size, digest: hash.digest('base64') }
}

/** The peak resident memory of a process so far. */
function readPeakKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
}
