import { fileURLToPath } from 'node:url'
import type { LoaderResult, LoaderTask } from './loader.ts'
import { execute, readVersion } from './processes.ts'
import type { Figures } from './runner.ts'

/** Reads of one URL, by `connections` clients that each send the next request after an answer. */
export interface Load {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** Expected of every answer; undefined where the server is not a coordinator. */
  readonly agreement: 'unanimous' | 'conflict' | undefined
}

const LOADER = fileURLToPath(new URL('loader.ts', import.meta.url))
const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }
const HAS_WRK = readVersion('wrk', '-v') !== undefined

/**
 * Loads with wrk, or with our own loader where that is not installed; rejects when an answer was not as
 * expected.
 */
export async function runLoad(load: Load): Promise<Figures> {
  await requireAnswer(load)
  const figures = HAS_WRK ? await runWrk(load) : await runLoader(toTask(load))
  await requireAnswer(load)
  return figures
}

function toStatus(agreement: Load['agreement']): number {
  return agreement === 'conflict' ? 409 : 200
}

/** Sends one request, before and after a load: wrk does not show single answers. */
async function requireAnswer({ url, agreement }: Load): Promise<void> {
  const response = await fetch(url)
  await response.arrayBuffer()
  const found = response.headers.get('Replica-Agreement')?.split(';')[0]
  if (response.status !== toStatus(agreement) || found !== agreement)
    throw new Error(`${url} answered ${response.status} ${found ?? ''}, not ${agreement ?? 200}`)
}

async function runWrk({ url, connections, seconds, agreement }: Load): Promise<Figures> {
  const stdout = await execute('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url])
  const reads = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
  const broken = /Socket errors:.*/.exec(stdout)?.[0]
  if (reads === 0 || broken) throw new Error(`${url}: ${broken ?? 'no answer'}`)
  if (refused !== (toStatus(agreement) === 409 ? reads : 0))
    throw new Error(`${url}: ${refused} of ${reads} answers were neither 2xx nor 3xx`)
  const toMs = (percent: number) => {
    const [, value, unit = ''] =
      new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)`, 'm').exec(stdout) ?? []
    return Number(value) * (MS[unit] ?? Number.NaN)
  }
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  return { reads, 'requests/s': rate, 'p50 ms': toMs(50), 'p99 ms': toMs(99) }
}

function toTask({ url, connections, seconds, agreement }: Load): LoaderTask {
  const { port, pathname } = new URL(url)
  const expected = `HTTP/1.1 ${toStatus(agreement)} `
  return { protocol: 'http', port: Number(port), connections, seconds, target: pathname, expected, agreement }
}

/** Runs our own loader in a process of its own; rejects when an answer was not as expected. */
export async function runLoader(task: LoaderTask): Promise<Figures> {
  const stdout = await execute(process.execPath, [LOADER, JSON.stringify(task)])
  // Our own program wrote it.
  const { reads, failed, seconds, p50, p99 } = JSON.parse(stdout) as LoaderResult
  if (failed > 0 || reads === 0)
    throw new Error(`${failed} of ${reads + failed} answers were not as expected`)
  return { reads, 'requests/s': reads / seconds, 'p50 ms': p50, 'p99 ms': p99 }
}

/** Downloads `url` once with curl; rejects when the answer is not 200 or not `size` bytes. */
export async function download(url: string, size: number): Promise<Figures> {
  const format = '%{http_code} %{size_download} %{time_starttransfer} %{time_total}'
  const stdout = await execute('curl', ['-sS', '-o', '/dev/null', '-w', format, url])
  const [status, bytes, first = Number.NaN, total = Number.NaN] = stdout.split(' ').map(Number)
  if (status !== 200 || bytes !== size) throw new Error(`${url} answered ${status} with ${bytes} bytes`)
  return { reads: 1, 'MiB/s': size / 2 ** 20 / total, 'first byte ms': first * 1000 }
}
