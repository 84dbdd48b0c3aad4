import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { keepLinesWhole } from './whole-lines.ts'

test('a long text is written in pieces of whole lines, and a longer line alone', async () => {
  const pieces: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      pieces.push(String(chunk))
      setImmediate(done)
    },
  })
  const [short, long] = [`${'s'.repeat(999)}\n`, `${'l'.repeat(5000)}\n`]
  const whole = keepLinesWhole(stream)
  await new Promise((resolve) => whole.write(short.repeat(6) + long + short, resolve))
  expect(pieces).toEqual([short.repeat(4), short.repeat(2), long, short])
})

test('an error of the stream is an error of every write', async () => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no reader')) })
  const whole = keepLinesWhole(stream)
  const error = await new Promise((resolve) => whole.write('line\n', resolve))
  expect(error).toEqual(new Error('no reader'))
})
