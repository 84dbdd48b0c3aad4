import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { showErrors } from '../runtime/node/show-errors.suite.ts'

const INTERRUPT = new URL('interrupt.ts', import.meta.url)

/** Interrupts itself while the only listener is another module's, which would end it with 1. */
const INTERRUPTED_BEFORE = `
  import { untilInterrupted } from '${INTERRUPT}'
  process.on('SIGINT', () => process.exit(1))
  process.kill(process.pid, 'SIGINT')
  await untilInterrupted()
  process.exitCode = 3
`

it('a signal just before the wait ends the wait, and reaches no other listener', async () => {
  const child = showErrors(spawn(process.execPath, ['--input-type=module', '-e', INTERRUPTED_BEFORE]))
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(await once(child, 'exit')).toEqual([3, null])
})
