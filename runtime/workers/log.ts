import type { Log } from '../../functions/wire/log.ts'

/** Tells of failures only: the platform keeps a log of requests itself. */
export const log: Log = ({ method, path, status, error }) => {
  if (error !== undefined) console.error(JSON.stringify({ method, path, status, error: toText(error) }))
}

function toText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
