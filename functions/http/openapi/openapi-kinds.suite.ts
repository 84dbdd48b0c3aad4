import { describe, expect, it, vi } from 'vitest'
import { BODY_MS } from '../../wire/limits.ts'
import { PROBLEM_TYPES, type ProblemType } from '../problems.ts'
import { createChecker } from './openapi.suite.ts'
import type { Document } from './types.ts'

/** The part of an app that is tested. */
export interface Asked {
  request(path: string, init?: RequestInit): Response | Promise<Response>
}

/** One kind of answer: its title, its status or the type of its problem, the app, and the request. */
export type Kind = readonly [
  title: string,
  expected: number | ProblemType,
  app: Asked,
  asked: string,
  init?: RequestInit,
]

/** A question in JSON. */
export function toQuestion(body: unknown): RequestInit {
  return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}

/** Paths in the documents that no app serves by itself, each with the host that does. */
export const BESIDE: Readonly<Record<string, string>> = {
  '/metrics': 'mounted beside the app, on Node alone',
}

/** The app, whose clients never send their bodies to the end. */
export function whileWaiting(app: Asked): Asked {
  return {
    async request(path, init) {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const late: RequestInit & { duplex: 'half' } = { ...init, body: new ReadableStream(), duplex: 'half' }
        const answer = Promise.resolve(app.request(path, late))
        await vi.advanceTimersByTimeAsync(BODY_MS)
        return await answer
      } finally {
        vi.useRealTimers()
      }
    },
  }
}

/**
 * Provokes every kind of answer, and checks it against the document, and the document against the answers,
 * except the problems that are `elsewhere`, each with the reason.
 */
export function describeKinds(
  document: Document,
  kinds: readonly Kind[],
  elsewhere: { readonly [T in ProblemType]?: string },
): void {
  const checker = createChecker(document)

  for (const [title, expected, app, asked, init] of kinds) {
    it(`describes ${title}: ${expected}`, async () => {
      const [method = '', path = ''] = asked.split(' ')
      const answer = await app.request(path, { ...init, method })
      expect(await checker.check(method, path, answer)).toEqual([])
      if (typeof expected === 'number') expect(answer.status).toBe(expected)
      else expect(await answer.json()).toMatchObject({ type: expected })
    })
  }

  describe('once all of that was asked', () => {
    it('reports no success without a result', () => {
      const described = [...toKinds(document)].filter((kind) => !/ [45]\d\d/.test(kind))
      expect(described.filter((kind) => !checker.seen.has(kind))).toEqual([])
    })

    it('every problem of the table was seen', () => {
      expect(PROBLEM_TYPES.filter((type) => !checker.seen.has(type))).toEqual(
        PROBLEM_TYPES.filter((type) => Object.hasOwn(elsewhere, type)),
      )
    })
  })
}

/** The kinds of answers that a document describes, as `Checker.seen` has them. */
function* toKinds(document: Document): Generator<string> {
  for (const [path, item] of Object.entries(document.paths)) {
    if (Object.hasOwn(BESIDE, path)) continue
    for (const [method, { responses }] of Object.entries(item)) {
      for (const [status, response] of Object.entries(responses)) {
        const forms = 'content' in response ? Object.keys(response.content ?? {}) : []
        const kind = `${method.toUpperCase()} ${path} ${status}`
        yield* forms.length === 0 ? [kind] : forms.map((form) => `${kind} ${form}`)
      }
    }
  }
}
