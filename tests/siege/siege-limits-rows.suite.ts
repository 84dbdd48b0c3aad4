import { truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { Row, Stage } from './siege-limits.suite.ts'

/** The loads, one after the other, each on servers of its own. To add one, add a function below. */
export const ROWS: readonly Row[] = [
  { name: '3,000 clients that leave while their file is hashed', run: leave },
  { name: '2,100 writes that stall', run: stall },
  { name: '200 readers of 60 MB that take nothing', run: idle },
]

/** Opens a connection to the server at `url`, and sends `text`; resolves when it is sent. */
async function say(url: string, text: string): Promise<Socket> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await new Promise((resolve) => socket.write(text, resolve))
  return socket
}

async function sayMany(count: number, url: string, text: (i: number) => string): Promise<Socket[]> {
  return await Promise.all(Array.from({ length: count }, (_, i) => say(url, text(i))))
}

/** Of a sparse file, which takes seconds to hash and no room. */
async function leave({ replica, coordinator, directories }: Stage): Promise<undefined> {
  for (const directory of directories) {
    writeFileSync(`${directory}/slow`, '')
    truncateSync(`${directory}/slow`, 8 * 2 ** 30)
  }
  for (let wave = 0; wave < 6; wave++) {
    const { url } = wave % 2 === 0 ? replica : coordinator
    const sockets = await sayMany(500, url, () => 'GET /files/slow HTTP/1.1\r\nHost: localhost\r\n\r\n')
    // Until they are accepted, which no client is notified of.
    await setTimeout(500)
    for (const socket of sockets) socket.destroy()
  }
  await setTimeout(500)
  return undefined
}

async function stall({ replica }: Stage): Promise<() => void> {
  const proof = `Repr-Digest: sha-256=:${Buffer.alloc(32).toString('base64')}:`
  const sockets = await sayMany(
    2100,
    replica.url,
    (i) =>
      `PUT /files/stalled-${i} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\nContent-Length: 1000000\r\n${proof}\r\n\r\nx`,
  )
  for (const socket of sockets) socket.resume()
  await setTimeout(1000)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

async function idle({ replica, coordinator }: Stage): Promise<() => void> {
  const sockets: Socket[] = []
  for (const { url } of [replica, coordinator]) {
    sockets.push(...(await sayMany(100, url, () => 'GET /files/large HTTP/1.1\r\nHost: localhost\r\n\r\n')))
  }
  for (const socket of sockets) socket.pause()
  await setTimeout(3000)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}
