import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createDirectory } from '../../runtime/cli/stage.suite.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const LARGE = 200_000

const directory = createDirectory()
let replica: ServerProcess
let coordinator: ServerProcess

beforeAll(async () => {
  mkdirSync(join(directory, 'empty'))
  mkdirSync(join(directory, 'full'))
  writeFileSync(join(directory, 'full/f'), 'a'.repeat(LARGE))
  replica = await startServer(['replica', 'full', '--log', 'json'], directory)
  const words = ['--replica', 'near=empty', '--replica', `far=${replica.url}`]
  coordinator = await startServer(['coordinator', ...words, '--log', 'json'], directory)
})

afterAll(async () => {
  await coordinator.stop()
  await replica.stop()
})

/**
 * The next entry of the replica in this trace: requests of the coordinator at its start have traces of their
 * own.
 */
async function readReplicaEntry(trace: unknown): Promise<Record<string, unknown>> {
  const entry = await replica.readEntry()
  return entry['trace'] === trace ? entry : await readReplicaEntry(trace)
}

it('each request is a JSON line, and the lines of the replicas have the same trace', async () => {
  const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }
  const response = await fetch(`${coordinator.url}/files/f`, { headers })
  expect(await response.text()).toHaveLength(LARGE)
  expect(await coordinator.readEntry()).toMatchObject({
    level: 30,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    method: 'GET',
    path: '/files/f',
    status: 200,
    bytes: LARGE,
    ms: expect.any(Number),
    agreement: 'incomplete',
    states: expect.stringMatching(/^near;state=missing, far;state=match;evidence=\w+;age=\d+$/),
    trace: TRACE,
  })
  expect(await readReplicaEntry(TRACE)).toMatchObject({ method: 'POST', path: '/describe' })
  expect(await readReplicaEntry(TRACE)).toMatchObject({ method: 'GET', path: '/files/f', bytes: LARGE })
})

it('a request without a trace starts one', async () => {
  await fetch(`${coordinator.url}/files/g`)
  const { trace } = await coordinator.readEntry()
  expect(trace).toMatch(/^[0-9a-f]{32}$/)
  expect(trace).not.toBe(TRACE)
  expect(await readReplicaEntry(trace)).toMatchObject({ path: '/describe' })
})

it('a format that is not valid is refused in one line', async () => {
  const { status, said } = await finish(startVouch(['replica', 'full', '--log', 'xml'], directory))
  expect({ status, said }).toEqual({ status: 2, said: ['', "vouch: --log takes text or json, got 'xml'\n"] })
})
