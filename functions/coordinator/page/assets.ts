import type { Context } from 'hono'
import type { AppEnv } from '../../wire/app.ts'
import type { CreateHasher } from '../../wire/digest.ts'
import { createProblem } from '../../wire/problems.ts'
import { answerContent } from '../../wire/representation.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

const ASSETS: Readonly<Record<string, string>> = { '/assets/page.css': STYLE, '/assets/page.js': SCRIPT }

/** `GET /assets/…`: what the pages load, by the conditions and ranges of the request, as a file is. */
export async function answerAsset(c: Context<AppEnv>, createHasher: CreateHasher): Promise<Response> {
  const text = Object.hasOwn(ASSETS, c.req.path) ? ASSETS[c.req.path] : undefined
  if (text === undefined) return createProblem('no-such-resource', `nothing is at ${c.req.path}`)
  const bytes = new TextEncoder().encode(text)
  const hasher = createHasher()
  await hasher.update(bytes)
  const content = { name: c.req.path, size: bytes.length, digest: await hasher.digest(), modified: null }
  return await answerContent(c.req.method, c.req.raw.headers, content, {
    fields: {},
    open: async (range) => (range ? bytes.subarray(range.offset, range.offset + range.length) : bytes),
  })
}
