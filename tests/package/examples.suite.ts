import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openBucket } from '../../emulator/bucket.ts'
import { toStates } from '../../functions/storage/suite/states.suite.ts'
import { serve } from '../../runtime/node/http/serve.ts'
import type { Installation } from '../../scripts/cluster.ts'
import { demand, ROOT } from '../../scripts/installed.ts'
import { createForeignClient } from '../s3/bucket.suite.ts'
import { BUCKET, S3RVER_CREDENTIALS, startS3rver } from '../s3/s3rver.suite.ts'

/**
 * Runs every example beside the installed package, as a user who copied it, on one Node, but those that are
 * Workers.
 */
export function describeExamples(major: number, setup: () => Installation): void {
  const makeTree = (name: string, files: Readonly<Record<string, string>>) =>
    makeFiles(join(setup().directory, name), files)

  async function runExample(name: string, ...args: string[]): Promise<string> {
    const { directory, node } = setup()
    return await demand(node, [`examples/${name}.ts`, ...args], { cwd: directory, env: toEnv(directory) })
  }

  /** Starts an example that serves, until the test ends; resolves with its address. */
  async function startExample(name: string, ...args: string[]): Promise<string> {
    const { directory, node } = setup()
    const child = spawn(node, [`examples/${name}.ts`, ...args, '0'], {
      cwd: directory,
      env: toEnv(directory),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    onTestFinished(() => stop(child))
    const [url] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')])
    return String(url)
  }

  describe(`the examples on Node ${major}`, () => {
    it('are all run here', async () => {
      const files = (await readdir(join(ROOT, 'examples'))).filter((name) => /(?<!\.test)\.ts$/.test(name))
      const served = ['disk-worker', 'memory-worker', 'r2-worker', 'worker']
      const run = [
        'audit',
        'bucket',
        'compare',
        'coordinator',
        'fixed-storage',
        'json-store',
        'mirror',
        'remote',
        'replica',
      ]
      expect(files.sort()).toEqual([...served, ...run].map((name) => `${name}.ts`).sort())
    })

    it('compare two replicas in one program', async () => {
      expect(toStates(await runExample('compare')).split('\n')).toEqual([
        'report.txt: 200 office;state=match, backup;state=match',
        expect.stringMatching(/^plan\.txt: 409 office;state=differ;.*backup;state=differ;/),
        'old.txt: 200 office;state=missing, backup;state=match',
        'none.txt: 404 office;state=missing, backup;state=missing',
        '',
      ])
    })

    it('serve files that two directories agree on', async () => {
      const first = await makeTree('first', { 'a.txt': 'same', 'b.txt': 'one' })
      const second = await makeTree('second', { 'a.txt': 'same', 'b.txt': 'two' })
      const url = await startExample('coordinator', first, second)
      const same = await fetch(`${url}/files/a.txt`)
      expect([same.status, await same.text()]).toEqual([200, 'same'])
      expect((await fetch(`${url}/files/b.txt`)).status).toBe(409)
    })

    it('serve a replica, and send requests to it', async () => {
      const url = await startExample('replica', await makeTree('shown', { 'a.txt': 'shown' }))
      const [found, dead] = (await runExample('remote', 'a.txt', url, 'http://127.0.0.1:9')).split('\n')
      expect(found).toMatch(/: 5 bytes, SHA-256 [0-9a-f]{64}$/)
      expect(dead).toBe('http://127.0.0.1:9: did not say (unreachable)')
      expect(await runExample('remote', 'none.txt', url)).toBe(`${url}: has no such file\n`)
    })

    it('compare a directory with a storage of one’s own', async () => {
      const directory = await makeTree('system', { 'etc/motd': 'Welcome.\n', 'etc/issue': 'other\n' })
      expect(toDifferences(await runExample('audit', directory))).toEqual([['etc/issue', 'conflict']])
    })

    it('are a store that the installed command reads', async () => {
      const { directory, node } = setup()
      const path = await makeTree('texts', { 'a.txt': 'same', 'files.json': '{"a.txt": "same"}' })
      const replicas = [`directory=${path}`, `store=module:examples/json-store.ts?file=${path}/files.json`]
      const vouch = join(directory, 'node_modules/vouch/dist/command/vouch.js')
      const args = [vouch, 'get', 'a.txt', '-o', '-', ...replicas.flatMap((one) => ['--replica', one])]
      expect(await demand(node, args, { cwd: directory, env: toEnv(directory) })).toBe('same')
    })

    it('compare a directory with a bucket of S3', async () => {
      const directory = await makeTree('copied', { 'a.txt': 'same', 'b.txt': 'one' })
      const s3rver = await startS3rver({ directory: await mkdtemp(join(setup().directory, 's3-')) })
      onTestFinished(() => s3rver.close())
      const client = createForeignClient({ endpoint: s3rver.endpoint, credentials: S3RVER_CREDENTIALS })
      for (const [Key, Body] of Object.entries({ 'kept/a.txt': 'same', 'kept/b.txt': 'two' }))
        await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
      const word = `s3://${BUCKET}/kept?endpoint=${s3rver.endpoint}&region=us-east-1&style=path`
      expect(toDifferences(await runExample('bucket', directory, word))).toEqual([['b.txt', 'conflict']])
    })

    it('compare a file with that of a web server', async () => {
      const directory = await makeTree('published', { 'a.txt': 'same', 'b.txt': 'one' })
      const files: Readonly<Record<string, string>> = {
        '/files/': '',
        '/files/a.txt': 'same',
        '/files/b.txt': 'two',
      }
      const server = await serve(
        ({ url }) => {
          const body = files[new URL(url).pathname]
          return body === undefined
            ? new Response('', { status: 404 })
            : new Response(body, { headers: { 'Content-Length': String(body.length) } })
        },
        { host: '127.0.0.1', port: 0 },
      )
      onTestFinished(() => server.close())
      const ask = (name: string) => runExample('mirror', name, directory, `${server.url}/files/`)
      expect(toStates(await ask('a.txt'))).toBe('200 directory;state=match, mirror;state=match\n')
      expect(await ask('b.txt')).toMatch(/^409 /)
    })
  })
}

/** Runs the examples that are Workers. */
export function describeWorkers(setup: () => Installation): void {
  describe('the examples in workerd', () => {
    it('compare, in workerd, a Worker, a directory and a bucket', async () => {
      const path = await makeFiles(join(setup().directory, 'disk'), { 'file1.txt': 'the same everywhere\n' })
      const miniflare = await startWorkers(setup().directory, path)
      onTestFinished(() => miniflare.dispose())
      const bucket = await openBucket(miniflare, 'BUCKET', 'r2-worker')
      await bucket.put('file1.txt', 'the same everywhere\n')
      const response = await miniflare.dispatchFetch('http://vouch/files/file1.txt')
      expect(await response.text()).toBe('the same everywhere\n')
      expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=3;of=3')
    })
  })
}

/** Makes files below a new directory, and resolves with its path. */
async function makeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  return directory
}

/** Name and agreement of each file in an audit; throws when the audit did not finish. */
function toDifferences(audit: string): unknown[] {
  const lines = audit
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.pop()).toHaveProperty('summary')
  // On a busy machine there are lines of progress too, which have no name.
  return lines.filter(({ name }) => name !== undefined).map(({ name, agreement }) => [name, agreement])
}

function toEnv(directory: string): NodeJS.ProcessEnv {
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = S3RVER_CREDENTIALS
  return {
    ...process.env,
    XDG_CACHE_HOME: join(directory, '.cache'),
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

/**
 * A coordinator over a Worker that is a replica and a directory behind the disk service, all from the
 * examples.
 */
async function startWorkers(directory: string, path: string): Promise<Miniflare> {
  const worker = async (name: string) => ({
    name,
    modules: [{ type: 'ESModule' as const, path: `${name}.mjs`, contents: await bundle(directory, name) }],
    compatibilityDate: '2026-01-01',
  })
  const plugin = { name: 'directory', package: join(ROOT, 'emulator/disk-plugin.ts') }
  return new Miniflare({
    host: '127.0.0.1',
    cf: false,
    telemetry: { enabled: false },
    workers: [
      {
        ...(await worker('worker')),
        bindings: { REPLICAS: 'memory=service://MEMORY,disk=service://DISK,r2=service://R2', OPEN: 'true' },
        serviceBindings: { MEMORY: 'memory-worker', DISK: 'disk-worker', R2: 'r2-worker' },
      },
      await worker('memory-worker'),
      { ...(await worker('r2-worker')), r2Buckets: ['BUCKET'] },
      {
        ...(await worker('disk-worker')),
        unsafeBindings: [{ name: 'FILES', type: 'directory', plugin, options: { path } }],
      },
    ],
  })
}

/** A Worker as bundled by wrangler. */
async function bundle(directory: string, name: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: directory,
    entryPoints: [`examples/${name}.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker'],
  })
  return outputFiles.map(({ text }) => text).join('')
}
