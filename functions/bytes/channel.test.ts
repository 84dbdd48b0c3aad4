import { expect, it } from 'vitest'
import { createChannel } from './channel.ts'

it('a channel returns all waiting items in order, or one at a time', async () => {
  const channel = createChannel<number>(10)
  channel.add(1)
  channel.add(2)
  expect(await channel.take()).toEqual([1, 2])
  channel.add(3)
  channel.add(4)
  expect(await channel.next()).toEqual({ done: false, value: 3 })
  channel.end()
  channel.add(5)
  expect(await channel.next()).toEqual({ done: false, value: 4 })
  expect(await channel.next()).toEqual({ done: true, value: undefined })
  expect(await channel.take()).toEqual([])
})

it('a consumer waits for the next item, and for the end', async () => {
  const channel = createChannel<string>(10)
  const item = channel.take()
  channel.add('a')
  expect(await item).toEqual(['a'])
  const end = channel.next()
  channel.end()
  expect(await end).toEqual({ done: true, value: undefined })
})

it('the error of a producer comes after its last item, and the first end counts', async () => {
  const channel = createChannel<string>(10)
  channel.add('a')
  channel.end(new Error('broke off'))
  channel.end()
  expect(await channel.take()).toEqual(['a'])
  await expect(channel.take()).rejects.toThrow('broke off')
  await expect(channel.next()).rejects.toThrow('broke off')
})

it('gives all items at once only after its end, and none after an error', () => {
  const channel = createChannel<string>(10)
  channel.add('a')
  expect(channel.takeWhole()).toBeNull()
  channel.add('b')
  channel.end()
  expect(channel.takeWhole()).toEqual(['a', 'b'])
  expect(channel.takeWhole()).toEqual([])
  const broken = createChannel<string>(10)
  broken.add('a')
  broken.end(new Error('broke off'))
  expect(broken.takeWhole()).toBeNull()
})

it('a producer waits until the items take less than the room', async () => {
  const channel = createChannel<string>(3, (text) => text.length)
  channel.add('ab')
  await channel.whenRoom()
  channel.add('cd')
  expect(channel.size()).toBe(4)
  const order: string[] = []
  const room = channel.whenRoom().then(() => order.push('room'))
  order.push((await channel.next()).value ?? '')
  await room
  expect(order).toEqual(['ab', 'room'])
  expect(channel.size()).toBe(2)
})

it('a consumer that leaves drops the items, and rejects a producer that waits for room', async () => {
  const channel = createChannel<number>(1)
  channel.add(1)
  const room = channel.whenRoom()
  channel.cancel(new Error('left'))
  channel.add(2)
  await expect(room).rejects.toThrow('left')
  await expect(channel.whenRoom()).rejects.toThrow('left')
  expect(channel.size()).toBe(0)
  expect(await channel.take()).toEqual([])
})
