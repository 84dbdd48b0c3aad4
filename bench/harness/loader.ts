import { connect, type Socket } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { toName } from './files.ts'

/** The only argument of this program, as JSON. */
export interface LoaderTask {
  readonly protocol: 'http' | 'seed'
  readonly port: number
  readonly connections: number
  /** A path, or for `seed` a name; it is requested for `seconds`. */
  readonly target: string
  readonly seconds?: number
  /** Instead of `seconds`: so many names below the path `target`, once each. */
  readonly names?: number
  /** The beginning of every answer. */
  readonly expected: string
  /** The beginning of its field `Replica-Agreement`; absent for a server without that field. */
  readonly agreement?: string | undefined
}

/** What it prints, as JSON. */
export interface LoaderResult {
  /** Answers as expected. */
  readonly reads: number
  readonly failed: number
  readonly seconds: number
  /** Milliseconds that the expected answers took. */
  readonly p50: number
  readonly p99: number
}

if (process.argv[2] !== undefined) {
  // The program that starts this one writes the task.
  const task = JSON.parse(process.argv[2]) as LoaderTask
  console.log(JSON.stringify(await run(task)))
}

async function run(task: LoaderTask): Promise<LoaderResult> {
  const histogram = createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 })
  const start = performance.now()
  const next = createTargets(task, start)
  const ask = task.protocol === 'http' ? askHttp : askSeed
  let [reads, failed] = [0, 0]

  async function work(): Promise<void> {
    const connection = createConnection(task.port)
    for (let target = next(); target !== undefined; target = next()) {
      const asked = performance.now()
      if (await ask(connection, target, task)) {
        reads++
        histogram.record(Math.max(1, Math.round((performance.now() - asked) * 1000)))
      } else failed++
    }
    connection.close()
  }

  await Promise.all(Array.from({ length: task.connections }, work))
  const toMs = (percent: number) => histogram.percentile(percent) / 1000
  const seconds = (performance.now() - start) / 1000
  return { reads, failed, seconds, p50: toMs(50), p99: toMs(99) }
}

function createTargets({ target, seconds, names }: LoaderTask, start: number): () => string | undefined {
  let i = 0
  if (names !== undefined) return () => (i < names ? `${target}${toName(i++)}` : undefined)
  const end = start + (seconds ?? 0) * 1000
  return () => (performance.now() < end ? target : undefined)
}

/** One connection at a time, opened when needed; `onData` and `onEnd` belong to the current request. */
interface Connection {
  onData: (data: Buffer) => void
  onEnd: () => void
  write(text: string): void
  close(): void
}

function createConnection(port: number): Connection {
  let socket: Socket | undefined
  const connection: Connection = {
    onData: () => {},
    onEnd: () => {},
    write(text) {
      socket ??= open()
      socket.write(text)
    },
    close() {
      socket?.destroy()
      socket = undefined
    },
  }
  function open(): Socket {
    const opened = connect({ port, host: '127.0.0.1', noDelay: true })
    opened.on('data', (data) => connection.onData(data))
    opened.on('error', () => {})
    opened.on('close', () => {
      if (socket === opened) socket = undefined
      connection.onEnd()
    })
    return opened
  }
  return connection
}

/**
 * Sends one GET on a kept-alive connection; resolves with whether the answer is the expected one and
 * complete.
 */
async function askHttp(connection: Connection, path: string, task: LoaderTask): Promise<boolean> {
  return await new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0)
    let head = ''
    let left = Number.NaN
    connection.onEnd = () => resolve(false)
    connection.onData = (data) => {
      if (head !== '') left -= data.length
      else {
        received = received.length === 0 ? data : Buffer.concat([received, data])
        const end = received.indexOf('\r\n\r\n')
        if (end < 0) return
        head = received.toString('latin1', 0, end)
        left = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? -1) - (received.length - end - 4)
      }
      if (left === 0) resolve(isExpected(head, task))
      // A body longer than announced, or not announced: the connection cannot be used again.
      if (left < 0) connection.close()
    }
    connection.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  })
}

function isExpected(head: string, { expected, agreement = '' }: LoaderTask): boolean {
  if (!head.startsWith(expected)) return false
  return agreement === '' || new RegExp(`^replica-agreement: ${agreement}`, 'im').test(head)
}

/**
 * Sends one name on a new connection, which the server closes; resolves with whether the answer is the
 * expected one.
 */
async function askSeed(connection: Connection, name: string, { expected }: LoaderTask): Promise<boolean> {
  return await new Promise((resolve) => {
    let matches: boolean | undefined
    connection.onData = (data) => {
      matches ??= data.toString('latin1', 0, expected.length) === expected
    }
    connection.onEnd = () => resolve(matches ?? false)
    connection.write(name)
  })
}
