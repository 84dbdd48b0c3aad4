import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createMounts, type Mounts } from '../../runtime/node/mounts/mounted.suite.ts'

// One replica is on a file system that does not answer, another is healthy.

let mounts: Mounts
let good: string
let hanging: string

beforeAll(async () => {
  mounts = createMounts()
  good = join(mounts.path, 'good')
  hanging = join(mounts.path, 'hanging')
  const behind = join(mounts.path, 'behind')
  for (const path of [good, behind]) {
    mkdirSync(path)
    writeFileSync(join(path, 'a'), 'text')
  }
  const mirror = await mounts.mirror(behind, hanging)
  mirror.stop()
})

afterAll(async () => {
  await mounts.close()
})

/** Runs the command to its end. */
async function run(...args: readonly string[]) {
  const { status, said } = await finish(startVouch(args, mounts.path))
  return { status, stdout: said[0], stderr: said[1] }
}

async function endByTerm({ child }: ServerProcess): Promise<number | null> {
  child.kill('SIGTERM')
  const [status] = await once(child, 'exit')
  return status
}

describe.concurrent('a replica whose file system does not answer', () => {
  const silence = ['--silence-timeout', '5']

  it('lets get write the other copy, degraded, and end with status 3', async () => {
    const args = ['--replica', `a=${hanging}`, '--replica', `b=${good}`, ...silence]
    const ran = await run('get', 'a', '-o', '-', ...args)
    expect(ran).toMatchObject({ status: 3, stdout: 'text' })
    expect(ran.stderr).toContain('a did not answer')
  })

  it('does not delay a replica server with a host name', async () => {
    const server = await startServer(['replica', good], mounts.path)
    try {
      const byName = `b=http://localhost:${new URL(server.url).port}`
      const ran = await run(
        'get',
        'a',
        '-o',
        '-',
        '--replica',
        `a=${hanging}`,
        '--replica',
        byName,
        ...silence,
      )
      expect(ran).toMatchObject({ status: 3, stdout: 'text' })
      expect(ran.stderr).not.toContain('b did not answer')
    } finally {
      await server.stop()
    }
  })

  it('lets check end, and report that the replica did not answer', async () => {
    const ran = await run('check', '--replica', `a=${hanging}`, '--replica', `b=${good}`, ...silence)
    expect(ran.status).toBe(2)
    expect(ran.stderr).toContain('the file system of the directory does not answer')
  })

  it('lets a coordinator start, serve the other copy, be ready and end', async () => {
    const args = ['--replica', `a=${hanging}`, '--replica', `b=${good}`, ...silence]
    const server = await startServer(['coordinator', ...args, '--writable', '--open'], mounts.path)
    try {
      const answer = await fetch(`${server.url}/files/a`)
      expect(await answer.text()).toBe('text')
      expect(answer.headers.get('replica-agreement')).toMatch(/^degraded/)
      expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
      expect(await endByTerm(server)).toBe(0)
    } finally {
      await server.stop()
    }
  })

  it('lets a replica server start, and end while a client waits', async () => {
    const server = await startServer(['replica', hanging], mounts.path)
    try {
      const waiting = fetch(`${server.url}/files/a`).catch(() => null)
      expect(await endByTerm(server)).toBe(0)
      await waiting
    } finally {
      await server.stop()
    }
  })
})

describe.concurrent('a replica whose file system stops answering', () => {
  it('lets a coordinator serve the other copy, and end', async () => {
    const [at, behind] = [join(mounts.path, 'later'), join(mounts.path, 'behind')]
    const mirror = await mounts.mirror(behind, at)
    const args = ['--replica', `a=${at}`, '--replica', `b=${good}`, '--silence-timeout', '5']
    const server = await startServer(['coordinator', ...args, '--writable', '--open'], mounts.path)
    try {
      expect((await fetch(`${server.url}/files/a`)).headers.get('replica-agreement')).toMatch(/^unanimous/)
      mirror.stop()
      const answer = await fetch(`${server.url}/files/a`)
      expect(await answer.text()).toBe('text')
      expect(answer.headers.get('replica-agreement')).toMatch(/^degraded/)
      expect(await endByTerm(server)).toBe(0)
    } finally {
      await server.stop()
    }
  })

  it('lets a replica server end while a client waits', async () => {
    const [at, behind] = [join(mounts.path, 'last'), join(mounts.path, 'behind')]
    const mirror = await mounts.mirror(behind, at)
    const server = await startServer(['replica', at], mounts.path)
    try {
      expect(await (await fetch(`${server.url}/files/a`)).text()).toBe('text')
      mirror.stop()
      const waiting = fetch(`${server.url}/files/a`).catch(() => null)
      // Its request is under way once the server answers another one.
      await (await fetch(`${server.url}/none`)).text()
      expect(await endByTerm(server)).toBe(0)
      await waiting
    } finally {
      await server.stop()
    }
  })
})
