import { readFile } from 'node:fs/promises'

/** The processes that this one has started; none where there is no /proc. */
export async function readChildren(): Promise<string[]> {
  const path = `/proc/${process.pid}/task/${process.pid}/children`
  return (await readFile(path, 'utf8').catch(() => '')).split(' ').filter((pid) => pid !== '')
}

/** The peak resident memory of a process so far. */
export async function readPeakKib(pid: string): Promise<number> {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])
}
