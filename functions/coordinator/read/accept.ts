import Negotiator from 'negotiator'
import type { RequestHead } from '../../http/app.ts'

type Accepting = Pick<RequestHead, 'headers'>

/** Whether the request accepts `type` (RFC 9110 §12.5.1); one without `Accept` accepts every type. */
export function accepts(request: Accepting, type: string): boolean {
  return negotiate(request).mediaType([type]) !== undefined
}

/** The form of a conflict; multipart only for clients that name it, so that no tool takes it for the file. */
export function chooseConflictForm(request: Accepting): 'multipart' | 'html' | 'problem' {
  const negotiator = negotiate(request)
  if (negotiator.mediaTypes().includes('multipart/mixed')) return 'multipart'
  const preferred = negotiator.mediaType(['application/problem+json', 'application/json', 'text/html'])
  return preferred === 'text/html' ? 'html' : 'problem'
}

/** The type among `types` that the request prefers; undefined when it accepts none of them. */
export function choose<T extends string>(request: Accepting, types: readonly T[]): T | undefined {
  return negotiate(request).mediaType([...types]) as T | undefined // one of those given
}

function negotiate(request: Accepting): Negotiator {
  return new Negotiator({ headers: { accept: request.headers.get('Accept') ?? undefined } })
}
