import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import about from '../package.json' with { type: 'json' }
import { createCoordinator } from './coordinator/coordinator.ts'
import { createMemoryLedger } from './coordinator/ledger/memory-ledger.suite.ts'
import { DOCUMENT as COORDINATOR } from './coordinator/openapi/document.ts'
import { createAnswer, toJson } from './http/answer.ts'
import { createChecker } from './http/openapi/openapi.suite.ts'
import { BESIDE } from './http/openapi/openapi-kinds.suite.ts'
import { createProblem, PROBLEM_TYPES } from './http/problems.ts'
import { createTestSigner } from './proof/signer.suite.ts'
import { DOCUMENT as REPLICA } from './replica/openapi.ts'
import { createReplica } from './replica/replica.ts'
import { createMemoryStorage } from './storage/memory.ts'
import { createTestHasher as createHasher } from './storage/suite/set-up.suite.ts'

/** A package that has the specification's own schema, and follows references as well. */
const VALIDATOR: string = '@seriousme/openapi-schema-validator'

/** Whether a document is OpenAPI 3.1; null without the package. */
const validate = await import(VALIDATOR).then(
  ({ Validator }) =>
    async (document: object): Promise<{ valid: boolean }> =>
      await new Validator().validate(structuredClone(document)), // typed any, since the package may be missing
  () => null,
)
if (validate === null) console.warn(`NOT TESTED without ${VALIDATOR}: that the documents are OpenAPI 3.1`)

const storage = createMemoryStorage({ 'f.txt': 'same' })
const signers = [await createTestSigner('hq')]
const coordinator = createCoordinator([{ id: 'server1', storage }], {
  ...{ createHasher, signers },
  ledger: createMemoryLedger(),
})

describe.each([
  ['coordinator', COORDINATOR, coordinator],
  ['replica', REPLICA, createReplica(storage, { createHasher, signers })],
] as const)('the document of a %s', (_, document, app) => {
  it.skipIf(validate === null)('is valid OpenAPI 3.1 by the schema of the specification', async () => {
    expect(await validate?.(document)).toEqual({ valid: true })
    const wrong = {
      ...document,
      paths: { '/x': { get: { responses: { 200: { $ref: '#/components/y' } } } } },
    }
    expect(await validate?.(wrong)).toMatchObject({ valid: false })
  })

  it('is the one that the server returns', async () => {
    expect(await (await app.request('/openapi.json')).json()).toEqual(document)
  })

  it('has the version of the package', () => {
    expect(document.info['version']).toBe(about.version)
  })

  it('names each operation once', () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map((one) => one.operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('has every problem of the table', () => {
    expect(Object.keys(document.components.responses)).toEqual(PROBLEM_TYPES)
  })

  it('lists only routes that the server has', async () => {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of Object.keys(item)) {
        // PUT is documented as not allowed on a read-only replica.
        const served = method === 'put' ? 405 : expect.not.toBeOneOf([404, 405])
        const { status } = await app.request(path.replace('{name}', 'f.txt'), {
          method: method.toUpperCase(),
        })
        expect(status, `${method} ${path}`).toEqual(Object.hasOwn(BESIDE, path) ? 404 : served)
      }
    }
  })
})

describe('an answer that deviates from the document', () => {
  const { check } = createChecker(COORDINATOR)
  const json = (value: unknown) => toJson(value)
  const without = (name: string) => {
    const { headers, body } = json({ status: 'ok' })
    const fields = new Headers(headers)
    fields.delete(name)
    return new Response(body, { headers: fields })
  }
  const headers = { 'Content-Length': '1', 'Cache-Control': 'no-store' }

  it.each([
    ['none', json({ status: 'ok' }), []],
    ['its status', createAnswer(201, headers, null), ['201 is not documented']],
    [
      'its type',
      createAnswer(200, { ...headers, 'Content-Type': 'text/plain' }, null),
      ['text/plain is not documented'],
    ],
    ['a member', json({ status: 'ok', more: 1 }), ['must NOT have additional properties']],
    ['a missing member', json({}), ["must have required property 'status'"]],
    ['a value', json({ status: 'bad' }), ['must be equal to constant']],
    ['a missing field', without('Cache-Control'), ['Cache-Control is missing']],
    ['a missing security field', without('Content-Security-Policy'), ['Content-Security-Policy is missing']],
    [
      'a field',
      createAnswer(
        200,
        { ...headers, 'Content-Type': 'application/json', 'X-More': '1' },
        new TextEncoder().encode('{"status":"ok"}'),
      ),
      ['x-more is not documented'],
    ],
    [
      'the value of a field',
      createAnswer(
        200,
        { ...headers, 'Cache-Control': 'public', 'Content-Type': 'application/json' },
        new TextEncoder().encode('{"status":"ok"}'),
      ),
      ['must match pattern'],
    ],
    ['the type of a problem', createProblem('conflict', 'x'), ['409 is not documented']],
    [
      'a problem of its status',
      createProblem('invalid-name', 'x'),
      ['must be equal to one of the allowed values'],
    ],
  ])('is found by %s', async (_, answer, faults) => {
    const found = await check('GET', '/healthz', answer)
    expect(found).toHaveLength(faults.length)
    for (const [i, fault] of faults.entries()) expect(found[i]).toContain(fault)
  })

  it.each([
    ['GET', '/nowhere', createProblem('not-found', 'x')],
    ['DELETE', '/files/x', createProblem('no-such-resource', 'x')],
    [
      'GET',
      '/audit',
      createAnswer(
        200,
        { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' },
        new TextEncoder().encode('{"line":1}\n'),
      ),
    ],
    [
      'GET',
      '/audit',
      createAnswer(
        200,
        { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' },
        new TextEncoder().encode('{"progress":{"replicas":[]}}'),
      ),
    ],
    ['HEAD', '/healthz', json({ status: 'ok' })],
  ])('is found at %s %s', async (method, path, answer) => {
    expect(await check(method, path, answer)).toHaveLength(1)
  })
})

it('the documents cost nothing until they are requested', async () => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const load = (path) => import(new URL(path, '${import.meta.url}'))
    const { createMemoryStorage } = await load('./storage/memory.ts')
    const { createReplica } = await load('./replica/replica.ts')
    const { createCoordinator } = await load('./coordinator/coordinator.ts')
    const storage = createMemoryStorage({ f: 'x' })
    const apps = [createReplica(storage), createCoordinator([{ id: 'a', storage }], { createHasher: () => null })]
    const count = () => loaded.filter((url) => /openapi[^/]*$|json-schema/.test(url)).length
    for (const app of apps) await app.request('/files')
    const before = count()
    for (const app of apps) await app.request('/openapi.json')
    console.log(before, count() > 0)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  expect(stdout).toBe('0 true\n')
})
