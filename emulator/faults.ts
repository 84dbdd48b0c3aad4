import * as v from 'valibot'
import { createProblem } from '../functions/wire/problems.ts'
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
    return await answer(request, REPLICA, { isFile })
  },
}

async function control(request: Request): Promise<Response> {
  if (request.method === 'DELETE') current = null
  else if (request.method === 'PUT') {
    const wanted = v.safeParse(fault, await request.json().catch(() => null))
    if (!wanted.success) return createProblem('invalid-body', `a fault is like one of ${FAULTS.join(', ')}`)
    current = wanted.output
  } else
    return createProblem('method-not-allowed', 'a fault takes PUT and DELETE', {
      fields: { Allow: 'PUT, DELETE' },
    })
  return Response.json({ fault: current })
}

async function answer(
  request: Request,
  replica: Fetcher,
  { isFile }: { isFile: boolean },
): Promise<Response> {
  switch (current?.type) {
    case 'down':
      throw new Error('the replica is down, as the emulator was told')
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, current?.type === 'slow' ? current.ms : 0))
      return await replica.fetch(request)
    case 'status':
      return new Response('as the emulator was told\n', { status: current.status })
    case 'cut':
      return damage(await replica.fetch(request), isFile, cutAfter(current.after))
    case 'wrong-bytes':
      return damage(await replica.fetch(request), isFile, flipFirst())
    default:
      return await replica.fetch(request)
  }
}

type Damage = TransformStream<Uint8Array, Uint8Array>

function damage(response: Response, isFile: boolean, transform: Damage): Response {
  if (!isFile || !response.ok || response.body === null) return response
  return withLength(new Response(response.body.pipeThrough(transform), response))
}

function cutAfter(length: number): Damage {
  let left = length
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left))
      left -= chunk.length
      if (left < 0) throw new Error('the replica breaks off, as the emulator was told')
    },
  })
}

function flipFirst(): Damage {
  let done = false
  return new TransformStream({
    transform(chunk, controller) {
      const wrong = new Uint8Array(chunk)
      if (!done && wrong[0] !== undefined) wrong[0] ^= 1
      done = true
      controller.enqueue(wrong)
    },
  })
}
