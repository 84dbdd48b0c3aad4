import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { execute } from './execute.ts'
import type { LoaderResult, LoaderTask } from './loader.ts'
import type { Figures } from './measurement.ts'

/** Reads of one URL, as many as `connections` can ask one after another. */
export interface Load {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly status: 200 | 409
  /** What `Replica-Agreement` must say; absent for what is no coordinator. */
  readonly agreement?: 'unanimous' | 'conflict' | undefined
}

const LOADER = fileURLToPath(new URL('loader.ts', import.meta.url))
const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** The first line that a program says to `flag`; undefined when it is not installed. */
export function readVersion(program: string, flag: string): string | undefined {
  const { stdout, stderr, error, status } = spawnSync(program, [flag], { encoding: 'utf8' })
  // wrk fails when asked for its version; a shell, or a wrapper that finds nothing to start, says 126 or 127.
  if (error || status === 126 || status === 127) return undefined
  const [line = ''] = `${stdout}${stderr}`.split('\n')
  // What it was built with and who wrote it comes after the version.
  return line.replace(/ [([].*/, '')
}

const HAS_WRK = readVersion('wrk', '-v') !== undefined

/** Measures `load`; rejects when an answer was another than expected, or did not come. */
export async function runLoad(load: Load): Promise<Figures> {
  await check(load)
  const figures = HAS_WRK ? await runWrk(load) : await runLoader(toTask(load))
  await check(load)
  return figures
}

/** One read, which must be answered as every read of the load. Before and after, for wrk shows no single answer. */
async function check({ url, status, agreement }: Load): Promise<void> {
  const response = await fetch(url)
  await response.arrayBuffer()
  const said = response.headers.get('Replica-Agreement')?.split(';')[0]
  if (response.status !== status || said !== agreement)
    throw new Error(`${url} answered ${response.status} ${said ?? ''}, not ${status} ${agreement ?? ''}`)
}

async function runWrk({ url, connections, seconds, status }: Load): Promise<Figures> {
  const args = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--latency', url]
  const stdout = await execute('wrk', args)
  const reads = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
  const broken = /Socket errors:.*/.exec(stdout)?.[0]
  if (reads === 0 || broken) throw new Error(`${url}: ${broken ?? 'no answer'}`)
  if (refused !== (status === 409 ? reads : 0))
    throw new Error(`${url}: of ${reads} answers ${refused} were neither 2xx nor 3xx`)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  return { reads, rate, p50: readLatency(stdout, 50), p99: readLatency(stdout, 99) }
}

function readLatency(text: string, percent: number): number {
  const [, value, unit = ''] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)`, 'm').exec(text) ?? []
  return Number(value) * (UNITS[unit] ?? Number.NaN)
}

function toTask({ url, connections, seconds, status, agreement }: Load): LoaderTask {
  const { port, pathname } = new URL(url)
  const expected = `HTTP/1.1 ${status} `
  const task = { protocol: 'http' as const, port: Number(port), connections, seconds, targets: [pathname] }
  return { ...task, expected, ...(agreement && { agreement }) }
}

/** Runs our own loader in a process of its own; rejects when an answer was another than expected. */
export async function runLoader(task: LoaderTask): Promise<Figures> {
  const stdout = await execute(process.execPath, [LOADER, JSON.stringify(task)])
  // Our own program wrote it.
  const { reads, failed, seconds, p50, p99 } = JSON.parse(stdout) as LoaderResult
  if (failed > 0 || reads === 0)
    throw new Error(`${failed} of ${reads + failed} answers were not as expected`)
  return { reads, rate: reads / seconds, p50, p99 }
}

/** Downloads `url` once with curl; rejects when the answer is not 200 or not `size` bytes. */
export async function download(url: string, size: number): Promise<Figures> {
  const format = '%{http_code} %{size_download} %{time_starttransfer} %{time_total}'
  const stdout = await execute('curl', ['-sS', '-o', '/dev/null', '-w', format, url])
  const [status, bytes, first = Number.NaN, total = Number.NaN] = stdout.split(' ').map(Number)
  if (status !== 200 || bytes !== size) throw new Error(`${url} answered ${status} with ${bytes} bytes`)
  return { reads: 1, firstByte: first * 1000, speed: size / 2 ** 20 / total }
}
