import { describe, expect, it } from 'vitest'
import { type CoordinatorEnv, parseReplicas as parse } from './configuration.ts'

const SERVICE = { fetch: async () => new Response() }

const parseReplicas = (env: CoordinatorEnv) => parse(env, { writable: false })

describe('REPLICAS', () => {
  it('names replicas by address and by binding, in order', () => {
    const env = { REPLICAS: 'server1=service://SERVER1, nas=https://nas.example:6002', SERVER1: SERVICE }
    expect(parseReplicas(env).map(({ id }) => id)).toEqual(['server1', 'nas'])
  })

  it('sends requests to a bound service by its binding', async () => {
    const asked: string[] = []
    const fetch = async (request: Request | string) => {
      asked.push(new URL(request instanceof Request ? request.url : request).pathname)
      return Response.json({ entries: [], next: null })
    }
    const [replica] = parseReplicas({ REPLICAS: 'a=service://A', SINGLE: 'true', A: { fetch } })
    expect(await replica?.storage.list()).toEqual({ entries: [], next: null })
    expect(asked).toEqual(['/files'])
  })

  it.each<[string, CoordinatorEnv, string]>([
    ['is missing', {}, 'REPLICAS is empty'],
    ['is empty', { REPLICAS: ' ' }, 'REPLICAS is empty'],
    ['has an item without id', { REPLICAS: 'https://nas.example' }, 'item 1 of REPLICAS has no valid id'],
    ['has an empty item', { REPLICAS: 'a=https://nas.example,' }, 'item 2 of REPLICAS has no valid id'],
    [
      'has an id that is not valid',
      { REPLICAS: '1=https://nas.example' },
      'item 1 of REPLICAS has no valid id',
    ],
    ['has an id twice', { REPLICAS: 'a=https://x.example,a=https://y.example' }, "names 'a' twice"],
    ['has a path', { REPLICAS: 'a=./files' }, "the address of 'a'"],
    ['has an address of another kind', { REPLICAS: 'a=ftp://x.example' }, "the address of 'a'"],
    [
      'names a missing binding',
      { REPLICAS: 'a=service://A' },
      "'a' in REPLICAS needs a service bound to 'A'",
    ],
    [
      'names a binding that is not a service',
      { REPLICAS: 'a=service://A', A: 'text' },
      "a service bound to 'A'",
    ],
    [
      'names one replica alone',
      { REPLICAS: 'a=https://x.example' },
      'one replica, which compares with nothing',
    ],
    [
      'names one server twice',
      { REPLICAS: 'a=https://x.example,b=https://X.example:443/' },
      'REPLICAS: a and b are the same place',
    ],
    [
      'names one binding twice',
      { REPLICAS: 'a=service://A,b=service://A/', A: SERVICE },
      'REPLICAS: a and b are the same place',
    ],
    [
      'names a folder inside another',
      {
        REPLICAS: 'a=s3://bucket/x/y?region=eu-west-1,b=s3://bucket/x',
        ...{ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
      },
      'REPLICAS: a is inside b',
    ],
  ])('that %s is refused', (_, env, message) => {
    expect(() => parseReplicas(env)).toThrow(message)
  })

  it('is refused without showing an address', () => {
    expect(() => parseReplicas({ REPLICAS: 'a=ftp://user:password@x.example' })).toThrow(/^(?!.*x\.example)/)
  })
})
