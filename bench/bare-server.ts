import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'

/**
 * What Node does with nothing on top: `node bare-server.ts BYTES MEDIUM_BYTES FILE`. `/small` and `/medium` are so many
 * bytes from memory, `/large` is FILE through a pipe in chunks of 1 MiB, the fastest size.
 */
const [, , smallBytes, mediumBytes, file = ''] = process.argv
const small = Buffer.alloc(Number(smallBytes), 'x')
const medium = Buffer.alloc(Number(mediumBytes), 'x')

const server = createServer((request, response) => {
  if (request.url === '/large') {
    response.setHeader('Content-Length', statSync(file).size)
    createReadStream(file, { highWaterMark: 2 ** 20 }).pipe(response)
    return
  }
  const body = request.url === '/medium' ? medium : small
  response.setHeader('Content-Length', body.length)
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`)
})
