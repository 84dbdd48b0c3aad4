import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { finish, startVouch } from '../../runtime/cli/process.suite.ts'
import { createStage, hash, startScript, toFields } from '../../runtime/cli/stage.suite.ts'

const MIB = 1024 * 1024
const CONTENT = 'x'.repeat(8 * MIB)
const PART = `.client_received.txt.${hash(CONTENT).slice(0, 16)}.part`
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

/** A coordinator that sends half of a file and then stalls, and the rest on a request for that range. */
async function startStalling(asked: unknown[]): Promise<string> {
  return await startScript(({ headers: { range } }, response) => {
    asked.push(range)
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, toFields(CONTENT, from))
    if (from > 0) response.end(CONTENT.slice(from))
    else response.write(CONTENT.slice(0, CONTENT.length / 2))
  })
}

test.each(SIGNALS)(
  '%s in the middle of a download leaves a part for the next run, and exit status %i',
  async (signal, status) => {
    const { cwd, files, read } = createStage()
    const asked: unknown[] = []
    const args = ['get', 'file.txt', '--coordinator', await startStalling(asked)]
    const child = startVouch(args, cwd)
    const finished = finish(child)
    const received = () => (existsSync(join(cwd, PART)) ? statSync(join(cwd, PART)).size : 0)
    await expect.poll(received, { timeout: 20_000 }).toBe(CONTENT.length / 2)
    child.kill(signal)
    expect(await finished).toEqual({ status, said: ['', ''] })
    expect(files()).toEqual([PART])

    expect(await finish(startVouch(args, cwd))).toMatchObject({ status: 0 })
    expect(files()).toEqual(['client_received.txt'])
    expect(read('client_received.txt')).toBe(CONTENT)
    expect(asked).toEqual([undefined, undefined, `bytes=${CONTENT.length / 2}-`])
  },
)

test('a signal ends a download that keeps flowing', async () => {
  const chunk = 'x'.repeat(MIB / 4)
  const url = await startScript((_request, response) => {
    response.writeHead(200, { ...toFields(CONTENT), 'Content-Length': 1024 * 1024 * MIB })
    const timer = setInterval(() => response.write(chunk), 1)
    response.on('close', () => clearInterval(timer))
  })
  const { cwd, files } = createStage()
  const child = startVouch(['get', 'file.txt', '--coordinator', url], cwd)
  const finished = finish(child)
  const received = () => (existsSync(join(cwd, PART)) ? statSync(join(cwd, PART)).size : 0)
  await expect.poll(received, { timeout: 20_000 }).toBeGreaterThan(64 * MIB)
  child.kill('SIGINT')
  expect(await finished).toEqual({ status: 130, said: ['', ''] })
  expect(files()).toEqual([PART])
})

test('a signal ends a run whose reader stopped reading', async () => {
  const url = await startScript((_request, response) =>
    response.writeHead(200, toFields(CONTENT)).end(CONTENT),
  )
  const child = startVouch(['get', 'file.txt', '-o', '-', '--coordinator', url], createStage().cwd)
  const { stdout } = child
  if (stdout === null) throw new Error('it is a pipe')
  await once(stdout, 'readable')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
})

test.each(['get', 'explain', 'check'])(
  'a signal ends %s while it hashes what would take many minutes',
  async (command) => {
    const { cwd, files } = createStage()
    mkdirSync(join(cwd, 'a'))
    writeFileSync(join(cwd, 'a/huge'), '')
    truncateSync(join(cwd, 'a/huge'), 1024 * 1024 * MIB)
    const single = command === 'get' ? [] : ['--single']
    const child = startVouch([command, 'huge', '--replica', 'a=a', ...single, '--index', 'index'], cwd)
    const finished = finish(child)
    const isIndexed = () => existsSync(join(cwd, 'index')) && readdirSync(join(cwd, 'index')).length > 0
    await expect.poll(isIndexed, { timeout: 20_000 }).toBe(true)
    child.kill('SIGINT')
    expect(await finished).toEqual({ status: 130, said: ['', ''] })
    expect(files()).toEqual(['a', 'index'])
  },
)

test('a command whose reader closes its output, like head, ends silently', async () => {
  const url = await startScript((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    const copy = { size: 0, modified: null, digest: hash(''), href: '/' }
    const versions = [{ ...copy, replicas: ['a'] }]
    const replicas = [
      { id: 'a', state: 'match' },
      { id: 'b', state: 'missing' },
    ]
    const line = JSON.stringify({ name: 'f', agreement: 'incomplete', versions, replicas })
    const write = () => void response.write(`${line}\n`.repeat(1000), (error) => error || write())
    write()
  })
  const child = startVouch(['check', '--coordinator', url], createStage().cwd)
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('they are pipes')
  let said = ''
  stderr.on('data', (data) => {
    said += data
  })
  for await (const line of createInterface({ input: stdout })) {
    expect(line).toBe('+ f')
    break
  }
  stdout.destroy()
  expect(await once(child, 'close')).toEqual([141, null])
  expect(said).toBe('')
})
