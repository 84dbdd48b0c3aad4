import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, open, readFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { BUNDLE } from '../../runtime/cli/process.suite.ts'
import { showErrors } from '../../runtime/node/show-errors.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

/** More bytes than 32 bits count. */
const SIZE = 2 ** 32 + 2 ** 20
/** The SHA-256 of so many zeros. */
const DIGEST = 'gpgW4zn/WX7DraTDD8hA0/IphEQWnSQpUqVLzz/Nd0c='
/** An eighth of the file: what V8 leaves uncollected between its own limits, and nowhere near a copy. */
const MAX_MEMORY_KIB = 512 * 1024

it('a file of more than 4 GiB passes through replica and coordinator with flat memory', {
  timeout: 900_000,
}, async ({ skip, signal }) => {
  const { path: root, remove } = createTemporaryDirectory('vouch-large-')
  const children: ChildProcess[] = []
  try {
    const obstacle = await makeSparseFiles([join(root, 'server1'), join(root, 'server2')], SIZE)
    skip(obstacle !== null, `NOT TESTED, a file of more than 4 GiB: ${obstacle}`)

    const replica = await startVouch(children, root, ['replica', join(root, 'server2')])
    // The bytes come from the first holder: here, from process to process.
    const targets = [`server2=${replica.url}`, `server1=${join(root, 'server1')}`]
    const flags = targets.flatMap((target) => ['--replica', target])
    // Each opening of a file this large that was just written hashes it first, which a busy machine takes its
    // time for.
    const patience = ['--silence-timeout', '120']
    const coordinator = await startVouch(children, root, ['coordinator', ...flags, ...patience])

    const { headers, size, isZeros } = await download(`${coordinator.url}/files/large.bin`, signal)
    expect(headers['replica-agreement']).toBe('unanimous;answered=2;of=2')
    expect(size).toBe(SIZE)
    expect(isZeros).toBe(true)
    expect(headers['repr-digest']).toBe(`sha-256=:${DIGEST}:`)
    for (const { pid } of [replica, coordinator]) expect(await readPeakKib(pid)).toBeLessThan(MAX_MEMORY_KIB)
  } finally {
    await Promise.all(children.map(end))
    remove()
  }
})

/** Makes `large.bin` in each directory, all holes; a sentence on why that cannot be tested here otherwise. */
async function makeSparseFiles(directories: readonly string[], size: number): Promise<string | null> {
  const here = await readFile('/proc/self/status').catch(() => null)
  if (here === null) return 'there is no /proc to read the peak of memory from'
  for (const [i, directory] of directories.entries()) {
    const path = join(directory, 'large.bin')
    await mkdir(directory)
    // A second name of the first costs the system no memory for its pages.
    if (i > 0) await link(join(directories[0] ?? '', 'large.bin'), path)
    const file = await open(path, 'a')
    try {
      await file.truncate(size)
      const { blocks } = await file.stat()
      if (blocks * 512 > size / 2) return 'the temporary directory keeps no sparse files'
    } catch (error) {
      return `the temporary directory takes no such file: ${error}`
    } finally {
      await file.close()
    }
  }
  return null
}

/** Starts a server of vouch on a free port, as a process of its own, its digest index below `root`. */
async function startVouch(children: ChildProcess[], root: string, argv: readonly string[]) {
  const env = { ...process.env, XDG_CACHE_HOME: join(root, 'cache') }
  const child = showErrors(spawn(process.execPath, [BUNDLE, ...argv, '--port', '0'], { env }))
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    // Keeps reading, so that the request log does not fill the pipe.
    child.stdout.resume()
    if (url !== undefined && child.pid !== undefined) return { url, pid: child.pid }
  }
  throw new Error(`vouch ${argv[0]} ended before it listened`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function download(url: string, signal: AbortSignal) {
  const [response] = (await once(get(url, { signal }), 'response')) as [IncomingMessage] // the event's only argument
  const zeros = Buffer.alloc(2 ** 20)
  let size = 0
  let isZeros = true
  for await (const chunk of response) {
    isZeros &&= zeros.subarray(0, chunk.length).equals(chunk)
    size += chunk.length
  }
  return { headers: response.headers, size, isZeros }
}

/** The peak resident memory of a process so far. */
async function readPeakKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
}
