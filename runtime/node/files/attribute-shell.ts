import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { ATTRIBUTE_SHELL_IDLE_MS, COPY_ATTRIBUTES_MS } from '../limits.ts'

/**
 * Copies for each line `KINDS FROM TO`, of descriptors of the parent process, and prints the exit status of
 * cp.
 */
const SCRIPT = `while read -r kinds from to; do
  cp --attributes-only --preserve="$kinds" -- "/proc/$PPID/fd/$from" "/proc/$PPID/fd/$to"
  echo $?
done`

interface Shell {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  /** What a new shell would inherit. */
  readonly inherited: string
  /** Those of the copies under way, in order; each is called with whether the copy succeeded. */
  readonly waiting: ((isCopied: boolean) => void)[]
  timer: NodeJS.Timeout
}

let running: Shell | null = null

/**
 * Whether GNU cp copied these kinds of attributes from one open file to another, as a child of a shell that
 * serves all copies until none was made for `ATTRIBUTE_SHELL_IDLE_MS`: to fork a process of Node's size takes
 * ten times as much processor time as cp. False too where the shell may not open this process's descriptors.
 */
export async function copyByShell(kinds: readonly string[], from: number, to: number): Promise<boolean> {
  try {
    const shell = useShell()
    return await new Promise((resolve) => {
      shell.waiting.push(resolve)
      hold(shell)
      shell.child.stdin.write(`${kinds.join(',')} ${from} ${to}\n`)
    })
  } catch {
    // No more processes, or no more descriptors.
    return false
  }
}

function useShell(): Shell {
  const inherited = [process.geteuid?.(), process.getegid?.(), process.env['PATH']].join(':')
  if (running !== null && running.inherited !== inherited) end(running)
  running ??= start(inherited)
  return running
}

function start(inherited: string): Shell {
  const child = spawn('sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    // A group of its own, which ends as a whole: a cp that went on could open a number that is another file
    // by then.
    detached: true,
  })
  const shell: Shell = { child, inherited, waiting: [], timer: setTimeout(() => {}, 0) }
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    for (const status of text.trim().split('\n')) shell.waiting.shift()?.(status === '0')
    hold(shell)
  })
  const fail = () => end(shell)
  for (const emitter of [child, child.stdin]) emitter.on('error', fail)
  child.on('exit', fail)
  return shell
}

/** Keeps this process running while it waits for the shell, and ends one that hangs or has nothing to do. */
function hold(shell: Shell): void {
  clearTimeout(shell.timer)
  const isBusy = shell.waiting.length > 0
  shell.timer = setTimeout(() => end(shell), isBusy ? COPY_ATTRIBUTES_MS : ATTRIBUTE_SHELL_IDLE_MS)
  const stdout = shell.child.stdout as Socket // of a pipe
  for (const one of [shell.child, stdout, shell.timer]) isBusy ? one.ref() : one.unref()
}

/** Copies under way fail. */
function end(shell: Shell): void {
  if (running === shell) running = null
  clearTimeout(shell.timer)
  killGroup(shell.child.pid)
  for (const resolve of shell.waiting.splice(0)) resolve(false)
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
