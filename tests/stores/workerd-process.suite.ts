import { readFile } from 'node:fs/promises'

/**
 * The processes of workerd that this one has started; none where there is no /proc. Others, such as the
 * service of esbuild, belong to whoever started them.
 */
export async function readWorkerdProcesses(): Promise<string[]> {
  const children = await read(`/proc/${process.pid}/task/${process.pid}/children`)
  const pids = children.split(' ').filter((pid) => pid !== '')
  const names = await Promise.all(pids.map((pid) => read(`/proc/${pid}/comm`)))
  return pids.filter((_, i) => names[i] === 'workerd\n')
}

async function read(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}

/** The peak resident memory of a process so far. */
export async function readPeakKib(pid: string): Promise<number> {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])
}
