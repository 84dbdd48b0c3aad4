import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { expect, it, onTestFinished } from 'vitest'
import { startEmulator } from '../../emulator/emulator.ts'
import { createStage } from '../../runtime/cli/stage.suite.ts'
import { hasProgram } from '../operating/operating.suite.ts'
import { createForeignClient } from '../s3/bucket.suite.ts'
import { BUCKET, S3RVER_CREDENTIALS, startS3rver } from '../s3/s3rver.suite.ts'
import { startNginx, WITH_LISTINGS } from './web-servers.suite.ts'

const hasNginx = hasProgram('nginx', 'one command over a directory, S3, R2 and a web server')

type Id = 'local' | 's3' | 'r2' | 'web'
const IDS: readonly Id[] = ['local', 's3', 'r2', 'web']

/**
 * A directory, a bucket that AWS's own client fills, one of R2 behind a replica Worker, and files behind
 * nginx.
 */
async function setUp() {
  const stage = createStage()
  for (const directory of ['store', 'local', 'web', 'nginx']) mkdirSync(join(stage.cwd, directory))
  const s3rver = await startS3rver({ directory: join(stage.cwd, 'store') })
  const client = createForeignClient({ endpoint: s3rver.endpoint, credentials: S3RVER_CREDENTIALS })
  const emulator = await startEmulator({ replicas: { r2: 'service://r2' } })
  const nginx = await startNginx(join(stage.cwd, 'nginx'), join(stage.cwd, 'web'), WITH_LISTINGS)
  onTestFinished(async () => {
    client.destroy()
    await Promise.all([s3rver.close(), emulator.close(), nginx.stop()])
  })
  const bucket = await emulator.openBucket('r2')
  const writers: Record<Id, (name: string, text: string) => unknown> = {
    local: (name, text) => writeFileSync(join(stage.cwd, 'local', name), text),
    s3: (name, text) => client.send(new PutObjectCommand({ Bucket: BUCKET, Key: name, Body: text })),
    r2: (name, text) => bucket.put(name, text),
    web: (name, text) => writeFileSync(join(stage.cwd, 'web', name), text),
  }
  const words: Record<Id, string> = {
    local: './local',
    s3: `s3://${BUCKET}`,
    r2: `${emulator.url}/~r2`,
    web: `static+${nginx.url}/`,
  }
  const replicas = IDS.flatMap((id) => ['--replica', `${id}=${words[id]}`])
  const env = {
    AWS_ACCESS_KEY_ID: S3RVER_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: S3RVER_CREDENTIALS.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3rver.endpoint,
    XDG_CACHE_HOME: join(stage.cwd, 'cache'),
  }
  return {
    stage,
    emulator,
    async write(name: string, contents: Partial<Record<Id, string>>) {
      for (const id of IDS) if (contents[id] !== undefined) await writers[id](name, contents[id])
    },
    run: (...args: string[]) => stage.run([...args, ...replicas], { env }),
  }
}

const everywhere = (text: string) => ({ local: text, s3: text, r2: text, web: text })

it.skipIf(!hasNginx)(
  'one command compares a directory, S3, R2 and a web server',
  { timeout: 60_000 },
  async () => {
    const { stage, emulator, write, run } = await setUp()
    await write('same', everywhere('same'))
    await write('differ', { ...everywhere('one'), s3: 'two' })
    await write('other-in-r2', { ...everywhere('one'), r2: 'six' })
    await write('local-only', { local: 'x' })
    await write('s3-only', { s3: 'x' })
    await write('r2-only', { r2: 'x' })
    await write('web-only', { web: 'x' })
    await write('not-r2', { local: 'x', s3: 'x', web: 'x' })

    const got = await run('get', 'same')
    expect([got.status, got.stderr]).toEqual([0, expect.stringContaining('unanimous: local, s3, r2, web')])
    expect(stage.read('client_received')).toBe('same')
    expect((await run('get', 'differ')).status).toBe(1)
    expect(stage.read('s3_version')).toBe('two')
    expect((await run('get', 'absent')).status).toBe(2)

    const checked = await run('check', '--no-roll-up')
    expect([checked.status, checked.stderr]).toEqual([1, expect.any(String)])
    expect(checked.stdout.split('\n').filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^\* differ\b/),
      expect.stringMatching(/^. local-only\b/),
      expect.stringMatching(/^. not-r2\b/),
      expect.stringMatching(/^\* other-in-r2\b/),
      expect.stringMatching(/^. r2-only\b/),
      expect.stringMatching(/^. s3-only\b/),
      expect.stringMatching(/^. web-only\b/),
    ])

    await emulator.setFault('r2', { type: 'down' })
    const degraded = await run('get', 'same')
    expect([degraded.status, degraded.stderr]).toEqual([3, expect.stringContaining('degraded')])
  },
)
