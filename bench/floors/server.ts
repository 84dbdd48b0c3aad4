import { once } from 'node:events'
import { lstatSync, readFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

// What a coordinator cannot do without for a compared read of one file that does not change: `node
// server.ts compared DIRECTORY URL NAME` gathers the reads of a turn, asks a thread for the file's
// stats and the replica server at URL for its digest, one question for all of them, and answers with the
// fields of vouch. `node server.ts bare DIRECTORY URL NAME` answers the same at once.
const [, , kind, directory = '', origin = '', name = ''] = process.argv

interface Read {
  readonly name: string
  readonly response: ServerResponse
}

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

if (isMainThread) await serve()
else {
  parentPort?.on('message', (names: readonly string[]) => {
    const answers = names.map((name) => {
      const { ino, size, mtimeNs, ctimeNs } = lstatSync(`${workerData}/${name}`, { bigint: true })
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
    })
    parentPort?.postMessage(answers)
  })
}

async function serve(): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const reply = await fetch(`${origin}/files/${name}`)
  const bytes = readFileSync(`${directory}/${name}`)
  const pinned = `?version=${reply.headers.get('ETag')?.slice(1, -1)}`
  const type = 'application/metalink4+xml'
  const links = `<${pinned}>; rel="duplicate", <${pinned}&metalink>; rel="describedby"; type="${type}"`
  const fields = Object.entries({ ...FIELDS, 'Content-Location': pinned, Link: links })
    .concat([...reply.headers].filter(([field]) => /digest$|etag|modified|length/.test(field)))
    .flat()
  const first = await ask(agent, [name])
  const identity = (await look([name]))[0]
  let reads: Read[] = []

  async function flush(): Promise<void> {
    const taken = reads
    reads = []
    const names = taken.map((read) => read.name)
    const [stats, digests] = await Promise.all([look(names), ask(agent, [...new Set(names)])])
    for (const [i, { name, response }] of taken.entries()) {
      const isSame = stats[i] === identity && digests.get(name) === first.get(name)
      response.writeHead(isSame ? 200 : 409, fields).end(bytes)
    }
  }

  const server = createServer((request, response) => {
    if (kind === 'bare') return void response.writeHead(200, fields).end(bytes)
    if (reads.length === 0) setImmediate(flush)
    reads.push({ name: decodeURIComponent(request.url?.slice('/files/'.length) ?? ''), response })
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`)
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

/** The digests that the replica server reports. */
async function ask(agent: Agent, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const headers = { 'Content-Type': 'application/json' }
  const sent = send(`${origin}/describe`, { method: 'POST', headers, agent })
  const [response]: IncomingMessage[] = await once(sent.end(JSON.stringify({ names })), 'response')
  let body = ''
  for await (const chunk of response ?? []) body += chunk
  const lines = body.trim().split('\n')
  return new Map(lines.map((line) => JSON.parse(line)).map(({ name, digest }) => [name, digest]))
}
