import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Flags, toFlagLabel } from '../../hosting/flag.ts'
import type { Io } from '../../hosting/io.ts'
import { UserError } from '../../node/user-error.ts'
import { MAX_PART_WORDS } from '../limits.ts'
import { CHECK } from '../options/check.ts'
import type { Arguments } from '../options/command.ts'
import { mergeFlags } from '../options/declaration.ts'
import { readResult } from './result-file.ts'

/** The names after `after` and up to `until`, each without an end where it is undefined. */
export interface Ends {
  readonly after: string | undefined
  readonly until: string | undefined
}

/** The ranges that these names divide all names into. */
export function toRanges(ends: readonly string[]): readonly Ends[] {
  return [...ends, undefined].map((until, i) => ({ after: i === 0 ? undefined : ends[i - 1], until }))
}

/**
 * Runs a check of each range in a process of its own, all at once, and `print` with the paths of their
 * outputs, which it removes afterwards. Throws a UserError with the words of a process that did not get to
 * its end. Ends all of them when `io.signal` aborts.
 */
export async function checkInParts(
  given: Arguments,
  ranges: readonly Ends[],
  io: Io,
  print: (paths: readonly string[]) => Promise<number>,
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-parts-'))
  const children: ChildProcess[] = []
  const stop = () => {
    for (const child of children) child.kill('SIGTERM')
  }
  io.signal?.addEventListener('abort', stop, { once: true })
  try {
    const toPath = (i: number) => join(directory, `part-${i + 1}.ndjson`)
    const ended = ranges.map(async (range, i) => {
      const path = toPath(i)
      const output = await open(path, 'wx', 0o600)
      try {
        const child = start(toWords(given, range), output.fd, io)
        children.push(child)
        const { status, words } = await finish(child)
        io.signal?.throwIfAborted()
        if (status !== 0 && status !== 1 && !(await isResult(path, io)))
          throw new UserError(
            `part ${i + 1} of ${ranges.length} did not come to its end: ${words}`,
            'failed-part',
          )
      } finally {
        await output.close()
      }
    })
    try {
      await Promise.all(ended)
    } finally {
      stop()
      await Promise.allSettled(ended)
    }
    return await print(ranges.map((_, i) => toPath(i)))
  } finally {
    io.signal?.removeEventListener('abort', stop)
    await rm(directory, { recursive: true, force: true })
  }
}

/** Flags that belong to the whole, or that the parts have in another form. */
const OF_WHOLE = [
  'jobs',
  'split',
  'json',
  'oneWay',
  'noRollUp',
  'quiet',
  'summary',
  'notify',
  'notifySecretFile',
]

/** The arguments of the check of one range: those that were typed, but for what concerns the output. */
function toWords({ typed, operand }: Arguments, { after, until }: Ends): string[] {
  const flags: Flags = mergeFlags(CHECK)
  const words = Object.entries(typed).flatMap(([name, values]) => {
    if (OF_WHOLE.includes(name)) return []
    const label = toFlagLabel(name)
    return flags[name]?.value === undefined ? [label] : values.map((value) => `${label}=${value}`)
  })
  return [
    ...['check', ...words, '--json'],
    ...(after === undefined ? [] : [`--after=${after}`]),
    ...(until === undefined ? [] : [`--until=${until}`]),
    ...(operand === undefined ? [] : ['--', operand]),
  ]
}

function start(words: readonly string[], stdout: number, { cwd, env }: Io): ChildProcess {
  const [, script = ''] = process.argv
  return spawn(process.execPath, [...process.execArgv, script, ...words], {
    cwd,
    env: { ...env },
    stdio: ['ignore', stdout, 'pipe'],
  })
}

/** Resolves when the process is gone, with its exit status and the last line that it printed for people. */
async function finish(child: ChildProcess): Promise<{ readonly status: unknown; readonly words: string }> {
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    words = (words + more).slice(-MAX_PART_WORDS)
  })
  const [status] = await once(child, 'close')
  return { status, words: words.trim().split('\n').at(-1) ?? '' }
}

/** Whether a process with trouble has nevertheless compared its range. */
async function isResult(path: string, io: Io): Promise<boolean> {
  try {
    await readResult(path, io)
    return true
  } catch (error) {
    if (error instanceof UserError) return false
    throw error
  }
}
