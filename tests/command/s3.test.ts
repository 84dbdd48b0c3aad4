import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { finish, startVouch } from '../../runtime/cli/process.suite.ts'
import { createStage, type Stage } from '../../runtime/cli/stage.suite.ts'
import { createForeignClient } from '../s3/bucket.suite.ts'
import { startFaulty } from '../s3/faults.suite.ts'
import { BUCKET, S3RVER_CREDENTIALS, startS3rver } from '../s3/s3rver.suite.ts'

/** A stage with a directory `local`, and s3rver as it is, which AWS's own client fills. */
async function setUp() {
  const stage = createStage()
  mkdirSync(join(stage.cwd, 'store'))
  mkdirSync(join(stage.cwd, 'local'))
  const s3rver = await startS3rver({ directory: join(stage.cwd, 'store') })
  const faulty = await startFaulty(s3rver.endpoint)
  const client = createForeignClient({ endpoint: s3rver.endpoint, credentials: S3RVER_CREDENTIALS })
  onTestFinished(async () => {
    client.destroy()
    await faulty.close()
    await s3rver.close()
  })
  const env = {
    AWS_ACCESS_KEY_ID: S3RVER_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: S3RVER_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_S3: faulty.endpoint,
    XDG_CACHE_HOME: join(stage.cwd, 'cache'),
  }
  return {
    ...{ stage, faulty, env },
    local: (name: string, text: string) => writeFileSync(join(stage.cwd, 'local', name), text),
    async remote(key: string, text: string) {
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: text }))
    },
    run: (...args: string[]) => runOn(stage, env, args),
  }
}

const REPLICAS = ['--replica', 'local=local', '--replica', `bucket=s3://${BUCKET}/some/where`]

function runOn(stage: Stage, env: Readonly<Record<string, string>>, args: readonly string[]) {
  return stage.run([...args, ...REPLICAS], { env })
}

describe('s3://BUCKET/PREFIX', () => {
  it('is a replica of get beside a directory', async () => {
    const { stage, local, remote, run } = await setUp()
    local('a.txt', 'content')
    await remote('some/where/a.txt', 'content')
    const { status, stderr } = await run('get', 'a.txt')
    expect([status, stderr]).toEqual([0, expect.stringContaining('unanimous: local, bucket')])
    expect(stage.read('client_received.txt')).toBe('content')
    await remote('some/where/a.txt', 'another')
    expect((await run('get', 'a.txt')).status).toBe(1)
    expect(stage.read('bucket_version.txt')).toBe('another')
  })

  it('is a replica of check, and its digests are remembered the next time', async () => {
    const { faulty, local, remote, run } = await setUp()
    for (const name of ['same', 'differ', 'here']) local(name, name)
    await remote('some/where/same', 'same')
    await remote('some/where/differ', 'changed')
    await remote('some/where/there', 'there')
    await remote('elsewhere', 'nobody asks')
    const reads = () => faulty.requests.splice(0).filter((line) => /^GET .*\/(same|differ|there)$/.test(line))
    expect((await run('check')).stdout).toBe('* differ\n+ here\n- there\n')
    expect(reads()).toHaveLength(3)
    expect((await run('check')).stdout).toBe('* differ\n+ here\n- there\n')
    expect(reads()).toEqual([])
    await remote('some/where/differ', 'differ')
    expect((await run('check')).stdout).toBe('+ here\n- there\n')
    expect(reads()).toEqual([expect.stringMatching(/differ$/)])
  })

  it('is a replica of a command in a process of its own, whose globals are light', async () => {
    const { stage, env, local, remote } = await setUp()
    local('a', 'content')
    local('here', 'here')
    await remote('some/where/a', 'content')
    await remote('some/where/there', 'there')
    const runAlone = (...args: string[]) =>
      finish(startVouch([...args, ...REPLICAS], stage.cwd, [], { ...process.env, ...env }))
    expect(await runAlone('check')).toMatchObject({
      status: 1,
      said: ['+ here\n- there\n', expect.anything()],
    })
    expect(await runAlone('get', 'a', '-o', '-')).toMatchObject({ said: ['content', expect.anything()] })
  })

  it('is served by vouch replica', async () => {
    const { stage, env, local, remote, run } = await setUp()
    local('a', 'content')
    await remote('some/where/a', 'content')
    const { promise: url, resolve } = Promise.withResolvers<string>()
    const talk = new Writable({
      write(chunk, _encoding, done) {
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(String(chunk))?.[0]
        if (found !== undefined) resolve(found)
        done()
      },
    })
    const end = new AbortController()
    const serving = stage.run(['replica', `s3://${BUCKET}/some/where`, '--port', '0'], {
      ...{ env, stdout: talk, stderr: talk, signal: end.signal },
    })
    const served = ['--replica', `served=${await url}`]
    const { status, stderr } = await stage.run(['get', 'a', ...served, '--replica', 'local=local'], { env })
    expect([status, stderr]).toEqual([0, expect.stringMatching(/unanimous: served, local/)])
    expect((await run('get', 'a', ...served)).stderr).toContain('served and bucket are the same place')
    end.abort()
    expect((await serving).status).toBe(0)
  })

  it('is read again when the index of its digests is damaged', async () => {
    const { stage, local, remote, run } = await setUp()
    local('a', 'content')
    await remote('some/where/a', 'content')
    expect((await run('check')).status).toBe(0)
    const cache = join(stage.cwd, 'cache', 'vouch')
    for (const file of readdirSync(cache)) writeFileSync(join(cache, file), 'no index at all')
    const { status, stderr } = await run('check')
    expect([status, stderr]).toEqual([0, expect.stringContaining('bucket: the digest index')])
  })

  it('reports missing credentials, a missing bucket, an invalid address', async () => {
    const { stage, env, local, run } = await setUp()
    local('a', 'content')
    const without = await runOn(stage, { XDG_CACHE_HOME: env.XDG_CACHE_HOME }, ['get', 'a'])
    expect([without.status, without.stderr]).toEqual([2, expect.stringContaining('no credentials for S3')])
    const other = await stage.run(['check', '--replica', 'a=local', '--replica', 'b=s3://no-such-bucket'], {
      env,
    })
    expect([other.status, other.stderr]).toEqual([2, expect.stringContaining('the store has no such bucket')])
    for (const word of [
      's3://KEY:SECRET@bucket',
      's3://bucket?secret=SECRET',
      's3:bucket',
      's3://b//SECRET?',
    ]) {
      const refused = await stage.run(['get', 'a', '--replica', `b=${word}`], { env })
      expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('s3://BUCKET/PREFIX')])
      expect(refused.stderr).not.toMatch(/SECRET@|=SECRET/)
    }
    expect((await run('get', 'a')).stderr).toContain('incomplete')
  })
})
