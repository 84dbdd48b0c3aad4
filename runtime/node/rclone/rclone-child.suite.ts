import * as v from 'valibot'
import { openRclone } from './rclone-server.ts'

// A process that opens rclone, writes the id of its process to standard output, and waits: `node
// rclone-child.suite.ts`.

const server = await openRclone(process.env)
const answer = await server.call('core/pid', {}, v.object({ pid: v.number() }))
process.stdout.write(`${JSON.stringify(answer)}\n`)
process.stdin.resume()
