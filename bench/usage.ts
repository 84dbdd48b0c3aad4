import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What one process took while a row was measured. */
export interface Usage {
  readonly process: string
  /** Processor time, user and system, of all its threads. */
  readonly cpuSeconds: number
  /** Greatest resident memory, and how far that is above the memory at rest, before the row and after the start. */
  readonly peakMiB: number
  readonly aboveRestMiB: number
  readonly aboveStartMiB: number
}

/** A process to be watched. */
export interface Watched {
  readonly name: string
  readonly pid: number
  /** Resident memory once it had started and come to rest. */
  readonly startMiB: number
}

/** What work came to, and what it took. */
export interface Observed<T> {
  readonly result: T
  readonly usage: readonly Usage[]
}

const TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const QUIET_MS = 300
const MAX_QUIET_WAITS = 400
const IDLE_MS = 1000

/** Does `work`, and says what each of `processes` took meanwhile. */
export async function watch<T>(processes: readonly Watched[], work: () => Promise<T>): Promise<Observed<T>> {
  for (const { pid } of processes) resetPeak(pid)
  const before = processes.map(({ pid }) => ({ cpu: readCpuSeconds(pid), rest: readMemory(pid, 'VmRSS') }))
  const result = await work()
  const usage = processes.map(({ name, pid, startMiB }, i): Usage => {
    const peakMiB = readMemory(pid, 'VmHWM')
    return {
      process: name,
      cpuSeconds: readCpuSeconds(pid) - (before[i]?.cpu ?? Number.NaN),
      peakMiB,
      aboveRestMiB: peakMiB - (before[i]?.rest ?? Number.NaN),
      aboveStartMiB: peakMiB - startMiB,
    }
  })
  return { result, usage }
}

/** Processor time of a process since it began, all threads together. Throws when there is no such process. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program, in parentheses, may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Resident memory in MiB: as it is, or its peak since the start or the last reset. */
export function readMemory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}

function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Resolves when a process has come to rest; rejects when it has not within two minutes. */
export async function untilQuiet(pid: number): Promise<void> {
  for (let i = 0; i < MAX_QUIET_WAITS; i++) {
    const before = readCpuSeconds(pid)
    await delay(QUIET_MS)
    if (readCpuSeconds(pid) - before <= 0.02) return
  }
  throw new Error(`process ${pid} does not come to rest`)
}

/** The share of this machine's processor time that nobody uses now, 0 to 1, measured for a second. */
export async function measureIdle(): Promise<number> {
  const before = readTimes()
  await delay(IDLE_MS)
  const after = readTimes()
  return (after.idle - before.idle) / (after.all - before.all)
}

/** Idle time, waiting for a disk included, and all time, both in ticks since the machine started. */
function readTimes(): { idle: number; all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  // user, nice, system, idle, iowait, irq, softirq, steal; the two after these are part of user and nice.
  const times = line.split(/\s+/).slice(1, 9).map(Number)
  const all = times.reduce((sum, time) => sum + time, 0)
  return { idle: (times[3] ?? 0) + (times[4] ?? 0), all }
}
