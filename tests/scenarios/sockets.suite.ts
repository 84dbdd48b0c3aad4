import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeBytes, type SocketWorld, type Trees } from './world.suite.ts'

const TREES = {
  server1: { 'file.txt': 'same', 'large.bin': makeBytes(8_000_000) },
  server2: { 'file.txt': 'same', 'large.bin': makeBytes(8_000_000) },
}

/** Requests of clients that `fetch` cannot send. */
export function describeSockets(title: string, start: (trees: Trees) => Promise<SocketWorld>): void {
  describe(`vouch ${title}, asked in raw bytes`, () => {
    let world: SocketWorld
    const sockets: Socket[] = []
    beforeAll(async () => {
      world = await start(TREES)
    })
    afterAll(async () => {
      for (const socket of sockets) socket.destroy()
      await world.close()
    })

    async function open(): Promise<Socket> {
      const { hostname, port } = new URL(world.url)
      const socket = connect({ host: hostname, port: Number(port) })
      sockets.push(socket)
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    }

    async function expectService() {
      const response = await world.fetch('/files/file.txt')
      expect(response.headers.get('Replica-Agreement')).toBe('unanimous;answered=2;of=2')
      expect(await response.text()).toBe('same')
    }

    it.each([
      ['GET /files/../secret.txt'],
      ['GET /files/x/../../../secret.txt'],
      ['GET /files/%2e%2e/secret.txt'],
      ['GET /files//etc/hostname'],
      ['GET /../secret.txt'],
      ['GET /files/\xff'],
    ])('reaches nothing outside the root by %j', async (line) => {
      const socket = await open()
      socket.end(Buffer.from(`${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 'latin1'))
      const answer = Buffer.concat(await socket.toArray()).toString('latin1')
      expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
      expect(answer).not.toMatch(/secret$|\bat \S+ \(/)
      await expectService()
    })

    it('accepts a request that arrives in pieces', async () => {
      const socket = await open()
      socket.setNoDelay(true)
      for (const piece of [
        'GET /files/fi',
        'le.txt HTT',
        'P/1.1\r\nHost: localhost\r\nConnection: close\r\n\r',
        '\n',
      ]) {
        await new Promise((resolve) => socket.write(piece, resolve))
      }
      let answer = ''
      for await (const chunk of socket) {
        answer += chunk
        if (answer.endsWith('same')) break
      }
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nsame$/s)
    })

    it('keeps serving after clients connect and leave, or send nothing', async () => {
      for (let i = 0; i < 10; i++) (await open()).destroy()
      await open()
      await expectService()
    })

    it('keeps serving after clients request much and read nothing, or reset', async () => {
      for (let i = 0; i < 10; i++) {
        const socket = await open()
        socket.pause()
        socket.write('GET /files/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n')
        if (i % 2 === 0) socket.once('readable', () => socket.resetAndDestroy())
      }
      await expectService()
    })
  })
}
