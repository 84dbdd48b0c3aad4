#!/usr/bin/env bash
# With its cache on, got gives the part of a file that it was once asked for to everybody who asks for the
# file, or for another part. So does the middleware apicache.
#
# Versions: got 14.6.6 (cacheable-request 13.0.19), apicache 1.6.3, express 5.3.0, on Node 20 or later. As
# caches that tell both apart undici 7.30.2 and make-fetch-happen 15.0.6 run beside them.
# Expected: a cache that does not join parts does not store an answer 206, or gives it to those alone who
# ask for these bytes (RFC 9111, section 3.3).
# Seen: after a request for `bytes=0-4` a request for the whole is answered by 206 and the five bytes, which
# got takes for success, and a request for `bytes=6-10` by those of `bytes=0-4`. express says max-age=0, so
# got asks the server first, with the entity tag of the whole, and is told 304. apicache answers like that
# everybody who asks the server, for as long as it remembers.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" got@14.6.6 cacheable-request@13.0.19 apicache@1.6.3 \
  express@5.3.0 undici@7.30.2 make-fetch-happen@15.0.6 >/dev/null 2>&1
mkdir www
printf 'hello world' >www/file
cat >ask.mjs <<'EOP'
import { once } from 'node:events'
import apicache from 'apicache'
import express from 'express'
import got from 'got'
import makeFetchHappen from 'make-fetch-happen'
import { Agent, interceptors, request } from 'undici'

const sent = []
async function serve(...middleware) {
  const app = express()
  app.use((_, response, next) => {
    response.on('finish', () => sent.push(response.statusCode))
    next()
  })
  for (const each of middleware) app.use(each)
  app.use(express.static('www'))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/file`
}
const cached = got.extend({ cache: new Map() })
const dispatcher = new Agent().compose(interceptors.cache())
const fetchHappen = makeFetchHappen.defaults({ cachePath: 'cache' })

const plain = await serve()
const remembered = await serve(apicache.middleware('1 minute'))
const clients = {
  async got(headers) {
    const { statusCode, body } = await cached(plain, { headers })
    return `${statusCode} '${body}'`
  },
  async 'fetch of apicache'(headers) {
    const response = await fetch(remembered, { headers })
    return `${response.status} '${await response.text()}'`
  },
  async undici(headers) {
    const { statusCode, body } = await request(plain, { headers, dispatcher })
    return `${statusCode} '${await body.text()}'`
  },
  async 'make-fetch-happen'(headers) {
    const response = await fetchHappen(plain, { headers })
    return `${response.status} '${await response.text()}'`
  },
}
for (const [name, ask] of Object.entries(clients)) {
  const answers = []
  for (const headers of [{ range: 'bytes=0-4' }, {}, { range: 'bytes=6-10' }]) answers.push(await ask(headers))
  console.log(`${name}: ${answers.join(', ')}; the server sent ${sent.splice(0).join(' ')}`)
}
process.exit()
EOP
node --no-warnings ask.mjs >seen
echo 'client: its answers to bytes=0-4, the whole file, bytes=6-10'
cat seen
diff - seen <<'EOF'
got: 206 'hello', 206 'hello', 206 'hello'; the server sent 206 304 304
fetch of apicache: 206 'hello', 206 'hello', 206 'hello'; the server sent 206 206 206
undici: 206 'hello', 200 'hello world', 200 'hello world'; the server sent 206 200 304
make-fetch-happen: 206 'hello', 200 'hello world', 200 'hello world'; the server sent 206 200 304
EOF
