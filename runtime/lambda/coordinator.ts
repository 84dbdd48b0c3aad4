import { createHandler } from './handler.ts'

const { stdin, stdout, stderr, env } = process

/** The handler that AWS Lambda calls. A wrong environment ends the function at its start, and is logged. */
export const handler = await createHandler({ stdin, stdout, stderr, env })
