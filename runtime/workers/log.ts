import type { Log } from '../../functions/wire/log.ts'

/** Logs failures only: the platform logs requests itself. */
export const log: Log = ({ method, path, status, error }) => {
  if (error === undefined) return
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  console.error(JSON.stringify({ method, path, status, error: text }))
}
