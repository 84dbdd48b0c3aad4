// The floor of `vouch get --files-from`: asks a coordinator for many files over four connections, 64 in a request, checks the
// digest of each, writes, dates and renames it, and reports nothing.

const { hash } = require('node:crypto')
const {
  closeSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} = require('node:fs')
const { connect } = require('node:net')
const { dirname, join } = require('node:path')

const [list, output, url] = process.argv.slice(2)
const names = readFileSync(list, 'utf8').split('\n')
const { hostname, port } = new URL(url)
const made = new Set()
let next = 0

for (let i = 0; i < 4; i++) askNext()

/** Asks for the next files in a request of HTTP/1.0, whose answer has no chunks, and ends with the connection. */
function askNext() {
  const wanted = names.slice(next, next + 64)
  next += wanted.length
  if (wanted.length === 0) return
  const body = JSON.stringify({ names: wanted })
  const socket = connect(Number(port), hostname)
  let held = Buffer.alloc(0)
  let isBegun = false

  function take() {
    const end = held.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = held.latin1Slice(0, end)
    const from = end + 4
    const size = isBegun ? Number(/Content-Length: (\d+)/.exec(head)[1]) : 0
    if (held.length < from + size) return false
    const bytes = held.subarray(from, from + size)
    held = held.subarray(from + size)
    if (isBegun) write(wanted.shift(), bytes, head)
    isBegun = true
    return true
  }

  socket.on('data', (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (take());
  })
  socket.on('end', () => {
    if (wanted.length > 0) throw new Error('the answer is not whole')
    socket.end()
    askNext()
  })
  // The server takes a client that ends its side for one that has left.
  socket.write(
    `POST /reads HTTP/1.0\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
}

function write(name, bytes, head) {
  if (hash('sha256', bytes, 'hex') !== /ETag: "(\w+)"/.exec(head)[1]) throw new Error(`${name}: other bytes`)
  const path = join(output, name)
  const directory = dirname(path)
  if (!made.has(directory)) mkdirSync(directory, { recursive: true })
  made.add(directory)
  const part = `${path}.part`
  const fd = openSync(part, 'wx')
  writeSync(fd, bytes)
  futimesSync(fd, new Date(), Number(/File-Modified: ([\d.]+)/.exec(head)[1]))
  closeSync(fd)
  renameSync(part, path)
}
