import { expect, it } from 'vitest'
import { MAX_REQUESTS_UNDER_WAY } from '../wire/limits.ts'
import type { RequestEntry } from '../wire/log.ts'
import { createApp } from './app.ts'

it('an app with too many requests under way refuses the next one early, and later answers again', async () => {
  const app = createApp({})
  const { promise: done, resolve } = Promise.withResolvers<void>()
  app.get('/slow', async (c) => {
    await done
    return c.text('done')
  })
  const slow = Array.from({ length: MAX_REQUESTS_UNDER_WAY }, () => app.request('/slow'))
  const refused = await app.request('/slow')
  expect(refused.status).toBe(503)
  expect(refused.headers.get('Retry-After')).toBe('1')
  expect(await refused.json()).toMatchObject({ type: 'overloaded' })
  expect((await app.request('/healthz')).status).toBe(200)
  resolve()
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200)
  expect((await app.request('/slow')).status).toBe(200)
})

it('an app answers only authorized requests, except for its health', async () => {
  const app = createApp({ isAllowed: ({ headers }) => headers.get('Authorization') === 'Bearer good' })
  app.get('/secret', (c) => c.text('secret'))
  const refused = await app.request('/secret')
  expect(refused.status).toBe(401)
  expect(refused.headers.get('WWW-Authenticate')).toBe('Bearer realm="vouch"')
  expect(await refused.json()).toMatchObject({ type: 'unauthorized' })
  expect((await app.request('/nowhere')).status).toBe(401)
  expect((await app.request('/healthz')).status).toBe(200)
  const allowed = await app.request('/secret', { headers: { Authorization: 'Bearer good' } })
  expect(await allowed.text()).toBe('secret')
})

it('an app answers only requests for its own hosts, except for its health', async () => {
  const app = createApp({ isOwnHost: (url) => url.startsWith('http://own.test/') })
  app.get('/secret', (c) => c.text('secret'))
  const refused = await app.request('http://other.test/secret')
  expect(refused.status).toBe(421)
  expect(await refused.json()).toMatchObject({ type: 'misdirected' })
  expect((await app.request('http://other.test/healthz')).status).toBe(200)
  expect(await (await app.request('http://own.test/secret')).text()).toBe('secret')
})

it('an app with pages asks only browsers for a password', async () => {
  const browser = { headers: { Accept: 'text/html,*/*;q=0.8' } }
  const closed = { isAllowed: () => false }
  const refused = await createApp({ ...closed, hasPages: true }).request('/', browser)
  expect(refused.status).toBe(401)
  expect(refused.headers.get('WWW-Authenticate')).toBe('Basic realm="vouch"')
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('as the password') })
  for (const response of [
    await createApp({ ...closed, hasPages: true }).request('/'),
    await createApp(closed).request('/', browser),
  ]) {
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="vouch"')
  }
})

it('a middleware runs first, and its trace is in the log', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const entries: RequestEntry[] = []
  const app = createApp({
    isAllowed: () => false,
    log: (entry) => entries.push(entry),
    async around(c, next) {
      c.set('trace', `${trace}-00f067aa0ba902b7`)
      await next()
    },
  })
  await app.request('/f', { headers: { traceparent: `00-${trace.replace('4', '5')}-00f067aa0ba902b7-01` } })
  expect(entries).toMatchObject([{ status: 401, trace }])
})

it('an app with pages serves their assets without a token, and challenges requests from within them like the pages', async () => {
  const app = createApp({ isAllowed: () => false, hasPages: true })
  app.get('/assets/page.css', (c) => c.text('style'))
  app.get('/files/a', (c) => c.text('secret'))
  expect((await app.request('/assets/page.css')).status).toBe(200)
  expect((await app.request('/assets/page.css', { method: 'POST' })).status).toBe(401)
  const image = { headers: { Accept: 'image/*', 'Sec-Fetch-Site': 'same-origin' } }
  const refused = await app.request('/files/a', image)
  expect([refused.status, refused.headers.get('WWW-Authenticate')]).toEqual([401, 'Basic realm="vouch"'])
  const foreign = await app.request('/files/a', { headers: { 'Sec-Fetch-Site': 'cross-site' } })
  expect([foreign.status, foreign.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer realm="vouch"'])
  const replica = createApp({ isAllowed: () => false })
  expect((await replica.request('/assets/page.css')).status).toBe(401)
})

it('an app whose handlers throw anything answers 500, and continues to answer', async () => {
  const entries: RequestEntry[] = []
  const app = createApp({ log: (entry) => entries.push(entry) })
  app.get('/throws', () => Promise.reject('not an Error'))
  app.get('/fails', () => Promise.reject(new Error('an Error')))
  app.get('/file', (c) => c.text('here'))
  for (let i = 0; i < MAX_REQUESTS_UNDER_WAY; i++) {
    const answer = await app.request(i % 2 === 0 ? '/throws' : '/fails')
    expect(answer.status).toBe(500)
  }
  expect((await app.request('/file')).status).toBe(200)
  expect(entries.slice(0, 2)).toMatchObject([
    { path: '/throws', status: 500, error: 'not an Error' },
    { path: '/fails', status: 500, error: { message: 'an Error' } },
  ])
})
