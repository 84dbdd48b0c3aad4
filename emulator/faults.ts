import { createProblem } from '../functions/http/problems.ts'
import { parseJson } from '../functions/wire/json/parse.ts'
import type { Fetcher } from '../runtime/workers/bindings.ts'
import { withLength } from '../runtime/workers/respond.ts'
import { FAULTS, type Fault, fault } from './fault.ts'

/** Requests to this host set the fault; no other leads to the replica's own paths. */
const CONTROL_HOST = 'faults'

/** The fault in force: workerd keeps one isolate for each Worker, so this is the replica's. */
let current: Fault | null = null

/** A Worker in front of one replica that makes it misbehave on demand. */
export default {
  async fetch(request: Request, { REPLICA }: { readonly REPLICA: Fetcher }): Promise<Response> {
    const { hostname, pathname } = new URL(request.url)
    if (hostname === CONTROL_HOST) return await control(request)
    const isFile = request.method === 'GET' && pathname.startsWith('/files/')
    return await answer(request, REPLICA, isFile)
  },
}

async function control(request: Request): Promise<Response> {
  if (request.method === 'DELETE') current = null
  else if (request.method === 'PUT') {
    const wanted = parseJson(fault, await request.text())
    if (!wanted.success) return createProblem('invalid-body', `a fault is like one of ${FAULTS.join(', ')}`)
    current = wanted.output
  } else
    return createProblem('method-not-allowed', 'a fault takes PUT and DELETE', {
      fields: { Allow: 'PUT, DELETE' },
    })
  return Response.json({ fault: current })
}

async function answer(request: Request, replica: Fetcher, isFile: boolean): Promise<Response> {
  switch (current?.type) {
    case 'down':
      throw new Error('the replica is down, as set in the emulator')
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, current?.type === 'slow' ? current.ms : 0))
      return await replica.fetch(request)
    case 'status':
      return new Response('as set in the emulator\n', { status: current.status })
    case 'cut':
      return damage(await replica.fetch(request), isFile, cutAfter(current.after))
    case 'wrong-bytes':
      return damage(await replica.fetch(request), isFile, flipFirst)
    default:
      return await replica.fetch(request)
  }
}

/** The fault in a content, after so many leading bytes that do not belong to it. */
type Damage = (before: number) => TransformStream<Uint8Array, Uint8Array>

/** R2 sends the metadata of an object before its bytes; this field has their length. */
const R2_BEFORE = 'cf-r2-metadata-size'

function damage(response: Response, isFile: boolean, create: Damage): Response {
  const before = response.headers.get(R2_BEFORE)
  if (!(isFile || before !== null) || !response.ok || response.body === null) return response
  const damaged = new Response(response.body.pipeThrough(create(Number(before))), response)
  if (before === null) return withLength(damaged)
  // Its length counts only the content; R2's binding relies on the announced one.
  damaged.headers.delete('Content-Length')
  return damaged
}

function cutAfter(length: number): Damage {
  return (before) => {
    let left = before + length
    return new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left))
        left -= chunk.length
        if (left < 0) throw new Error('the replica breaks off, as set in the emulator')
      },
    })
  }
}

function flipFirst(before: number): ReturnType<Damage> {
  let at = before
  return new TransformStream({
    transform(chunk, controller) {
      const wrong = new Uint8Array(chunk)
      const first = wrong[at]
      if (first !== undefined) wrong[at] = first ^ 1
      at = first === undefined ? at - chunk.length : Number.NaN
      controller.enqueue(wrong)
    },
  })
}
