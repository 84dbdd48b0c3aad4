import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { createThread } from './thread.ts'

function start() {
  const events: string[] = []
  const thread = createThread<string, string, string>('echo.suite', {
    data: 'echo',
    onEvent: (event) => events.push(event),
    onCrash: () => events.push('crashed'),
  })
  onTestFinished(() => thread.close())
  return { ...thread, events }
}

it('a thread answers each question by itself, and reports events', async () => {
  const { ask, events } = start()
  expect(await Promise.all([ask('a'), ask('b')])).toEqual(['echo a', 'echo b'])
  expect(events).toEqual(['asked a', 'asked b'])
})

it('an error of the program reaches the question that it belongs to', async () => {
  const { ask } = start()
  const [failed, answered] = await Promise.allSettled([ask('fail'), ask('a')])
  expect(failed).toMatchObject({ status: 'rejected', reason: { message: /it failed/ } })
  expect(answered).toMatchObject({ value: 'echo a' })
})

it('a crash rejects the questions under way, and the next question launches the thread again', async () => {
  const { ask, events } = start()
  const lost = await Promise.allSettled([ask('wait'), ask('crash'), ask('wait')])
  // The answer to `crash` itself may have left before the crash.
  for (const one of [lost[0], lost[2]]) {
    expect(one).toMatchObject({ status: 'rejected', reason: { message: 'it crashed' } })
  }
  expect(events.at(-1)).toBe('crashed')
  expect(await ask('a')).toBe('echo a')
})

it('a signal cancels its question alone', async () => {
  const { ask } = start()
  const abort = new AbortController()
  const cancelled = ask('wait one', abort.signal)
  const other = ask('wait two')
  other.catch(() => {})
  expect(await ask('waiting')).toBe('wait one,wait two')
  abort.abort(new Error('left'))
  await expect(cancelled).rejects.toThrow('left')
  expect(await ask('waiting')).toBe('wait two')
  await expect(ask('a', abort.signal)).rejects.toThrow('left')
})

it('refuse rejects the questions under way, and the thread keeps working', async () => {
  const { ask, refuse } = start()
  const waiting = ask('wait')
  refuse(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  expect(await ask('a')).toBe('echo a')
})

it('close answers earlier questions, rejects open ones, and accepts no more', async () => {
  const { ask, close, events } = start()
  const [answered, waiting] = [ask('a'), ask('wait')]
  waiting.catch(() => {})
  await close()
  expect(await answered).toBe('echo a')
  await expect(waiting).rejects.toMatchObject({ code: 'unreachable' })
  await expect(ask('b')).rejects.toMatchObject({ code: 'unreachable' })
  expect(events.at(-1)).toBe('closed')
  await close()
})

it('a thread keeps its process alive only while it has questions', () => {
  const program = `
    const { createThread } = await import(process.env.THREAD)
    const { ask } = createThread('echo.suite', { data: 'echo' })
    ask('a').then(console.log)
  `
  const env = { ...process.env, THREAD: fileURLToPath(new URL('thread.ts', import.meta.url)) }
  const args = ['--input-type=module', '--eval', program]
  expect(execFileSync(process.execPath, args, { env, encoding: 'utf8', timeout: 60_000 })).toBe('echo a\n')
})
