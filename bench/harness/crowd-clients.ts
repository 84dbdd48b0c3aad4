import { connect, type Socket } from 'node:net'

/**
 * A crowd that asks for nothing: `node crowd-clients.ts PORT IDLE SLOW` holds IDLE connections on which
 * nothing is said, and SLOW on which a header section comes byte by byte; each that is closed is opened
 * again. Says `ready` when all are there.
 */
const [port = 0, idle = 0, slow = 0] = process.argv.slice(2).map(Number)
const SLOW_HEAD = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ${'a'.repeat(10_000)}`
const BYTE_MS = 100
/** As many at a time as a server takes in at once. */
const AT_A_TIME = 200

async function hold(isSlow: boolean): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  const timer = isSlow ? trickle(socket) : undefined
  socket.on('data', () => {})
  socket.on('error', () => {})
  socket.on('close', () => {
    clearInterval(timer)
    setTimeout(() => void hold(isSlow), BYTE_MS)
  })
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', resolve))
}

function trickle(socket: Socket): NodeJS.Timeout {
  let position = 0
  return setInterval(() => socket.write(SLOW_HEAD[position++] ?? 'a'), BYTE_MS)
}

for (let i = 0; i < idle + slow; i += AT_A_TIME) {
  const count = Math.min(AT_A_TIME, idle + slow - i)
  await Promise.all(Array.from({ length: count }, (_, j) => hold(i + j >= idle)))
}
console.log('ready')
