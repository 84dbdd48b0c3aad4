import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { lstatSync, readFileSync } from 'node:fs'
import {
  Agent,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as send,
} from 'node:http'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

// What a coordinator cannot do without for a compared read of one file that does not change: `node
// server.ts compared DIRECTORY URL NAME` gathers the reads of a few turns as vouch does, asks a thread for
// the file's stats and the replica server at URL for its digest, one question for all of them, and answers
// with the fields of vouch. `remote DIRECTORY URL,URL NAME` asks replica servers only, `bare DIRECTORY URL
// NAME` answers the same at once, and `replica DIRECTORY NAME` is such a replica server, with such a thread.
const [, , kind, directory = '', ...rest] = process.argv
const name = rest.at(-1) ?? ''
const origins = rest[0]?.split(',') ?? []

interface Read {
  readonly name: string
  readonly response: ServerResponse
}

/** As long as vouch waits for the next reads of the clients that it answered. */
const TURNS = 4
const STATE = 'state=match;evidence=remembered;age=100'
/** Those that do not depend on the file. */
const FIELDS = {
  'Replica-Agreement': 'unanimous;answered=2;of=2',
  'Replica-Status': `server1;${STATE}, server2;${STATE}`,
  'Accept-Ranges': 'bytes',
  'Cache-Control': 'no-cache, no-transform',
  'Content-Type': 'application/octet-stream',
  'Content-Security-Policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Vary: 'Accept',
}

let thread: Worker | undefined
const waiting: ((answers: readonly string[]) => void)[] = []

if (isMainThread) listen(kind === 'replica' ? createReplica() : await createCoordinator())
else {
  parentPort?.on('message', (names: readonly string[]) => {
    const answers = names.map((name) => {
      const { ino, size, mtimeNs, ctimeNs } = lstatSync(`${workerData}/${name}`, { bigint: true })
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
    })
    parentPort?.postMessage(answers)
  })
}

function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`)
  })
}

async function createCoordinator(): Promise<Server> {
  const agent = new Agent({ keepAlive: true })
  const reply = await fetch(`${origins[0]}/files/${name}`)
  const bytes = readFileSync(`${directory}/${name}`)
  const pinned = `?version=${reply.headers.get('ETag')?.slice(1, -1)}`
  const type = 'application/metalink4+xml'
  const links = `<${pinned}>; rel="duplicate", <${pinned}&metalink>; rel="describedby"; type="${type}"`
  const fields = Object.entries({ ...FIELDS, 'Content-Location': pinned, Link: links })
    .concat([...reply.headers].filter(([field]) => /digest$|etag|modified|length/.test(field)))
    .flat()
  const first = await askAll(agent, [name])
  const identity = kind === 'remote' ? undefined : (await look([name]))[0]
  let reads: Read[] = []
  let isAsking = false

  async function flush(): Promise<void> {
    const taken = reads
    reads = []
    const names = [...new Set(taken.map((read) => read.name))]
    const [stats, digests] = await Promise.all([identity && look(names), askAll(agent, names)])
    for (const { name, response } of taken) {
      const isSame = stats?.[names.indexOf(name)] === identity && digests.get(name) === first.get(name)
      response.writeHead(isSame ? 200 : 409, fields).end(bytes)
    }
    gather(TURNS)
  }

  function gather(turns: number): void {
    isAsking = turns > 0 || reads.length > 0
    if (turns > 0) setImmediate(() => gather(turns - 1))
    else if (isAsking) flush()
  }

  return createServer((request, response) => {
    if (kind === 'bare') return void response.writeHead(200, fields).end(bytes)
    reads.push({ name: decodeURIComponent(request.url?.slice('/files/'.length) ?? ''), response })
    if (!isAsking) gather(1)
  })
}

function createReplica(): Server {
  const bytes = readFileSync(`${directory}/${name}`)
  const digest = createHash('sha256').update(bytes).digest('hex')
  return createServer(async (request, response) => {
    if (request.method === 'GET') return void response.writeHead(200, { ETag: `"${digest}"` }).end(bytes)
    let body = ''
    for await (const chunk of request) body += chunk
    const { names }: { readonly names: readonly string[] } = JSON.parse(body)
    const stats = await look(names)
    const lines = names.map((name, i) => `${JSON.stringify({ name, digest, stats: stats[i] })}\n`).join('')
    const own = { 'Content-Type': 'application/x-ndjson', 'Content-Length': Buffer.byteLength(lines) }
    response.writeHead(200, own).end(lines)
  })
}

/** The stats of each file, from the thread. */
function look(names: readonly string[]): Promise<readonly string[]> {
  if (thread === undefined) {
    thread = new Worker(new URL(import.meta.url), { workerData: directory })
    thread.on('message', (answers: readonly string[]) => waiting.shift()?.(answers))
  }
  thread.postMessage(names)
  return new Promise((resolve) => waiting.push(resolve))
}

/** By name, the digests that all replica servers report. */
async function askAll(agent: Agent, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const all = await Promise.all(origins.map((origin) => ask(agent, origin, names)))
  return new Map(names.map((name) => [name, all.map((digests) => digests.get(name)).join()]))
}

/** By name, the digests that one reports. */
async function ask(
  agent: Agent,
  origin: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const headers = { 'Content-Type': 'application/json' }
  const sent = send(`${origin}/describe`, { method: 'POST', headers, agent })
  const [response]: IncomingMessage[] = await once(sent.end(JSON.stringify({ names })), 'response')
  let body = ''
  for await (const chunk of response ?? []) body += chunk
  const lines = body.trim().split('\n')
  return new Map(lines.map((line) => JSON.parse(line)).map(({ name, digest }) => [name, digest]))
}
