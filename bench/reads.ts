import { CONFLICT, MEDIUM, SMALL } from './files.ts'
import { type Load, runLoad, runLoader } from './load.ts'
import { type Measurement, toMeasurement } from './measurement.ts'
import type { Running } from './processes.ts'
import { ROWS } from './rows.ts'
import type { Cluster, Setting } from './setting.ts'
import type { Stage } from './stage.ts'
import { watch } from './usage.ts'

/** Compared reads of small files. */
export function createReadMeasurements({ seconds }: Setting, stage: Stage): Measurement[] {
  const { pair, one, three } = stage

  function row(name: string, start: () => Promise<Cluster>, file: string, connections: number) {
    const status = file === CONFLICT ? 409 : 200
    const agreement = file === CONFLICT ? 'conflict' : 'unanimous'
    return toMeasurement(name, async () => {
      const { coordinator, all } = await start()
      const url = `${coordinator.url}/files/${file}`
      return await watch(all, () => runLoad({ url, connections, seconds, status, agreement }))
    })
  }

  return [
    row(ROWS.pair1, pair, SMALL, 1),
    row(ROWS.pair32, pair, SMALL, 32),
    row(ROWS.three1, three, SMALL, 1),
    row(ROWS.one1, one, SMALL, 1),
    row(ROWS.three32, three, SMALL, 32),
    row(ROWS.one32, one, SMALL, 32),
    row(ROWS.medium1, pair, MEDIUM, 1),
    row(ROWS.medium32, pair, MEDIUM, 32),
    row(ROWS.conflict32, pair, CONFLICT, 32),
  ]
}

/** The same from servers that compare nothing, and from the original scripts. */
export function createYardstickMeasurements(setting: Setting, stage: Stage): Measurement[] {
  const { seconds, installed, seedDirectory } = setting
  const { bare, hono, nginx } = stage

  function row(name: string, start: () => Promise<Running>, path: string, connections: number) {
    return toMeasurement(name, async () => {
      const server = await start()
      const load: Load = { url: `${server.url}/${path}`, connections, seconds, status: 200 }
      return await watch([server], () => runLoad(load))
    })
  }

  const rows = [
    row(ROWS.bare1, bare, 'small', 1),
    row(ROWS.bare32, bare, 'small', 32),
    row(ROWS.bareMedium32, bare, 'medium', 32),
    row(ROWS.hono32, hono, '', 32),
  ]
  if (installed.nginx) rows.push(row(ROWS.nginx1, nginx, SMALL, 1), row(ROWS.nginx32, nginx, SMALL, 32))
  if (seedDirectory !== undefined) rows.push(...createSeedMeasurements(setting, stage))
  return rows
}

function createSeedMeasurements({ seconds }: Setting, stage: Stage): Measurement[] {
  function row(name: string, file: string, connections: number) {
    const expected = file === CONFLICT ? 'DIFFERENT_FILES|SERVER1|' : 'SINGLE_FILE|'
    return toMeasurement(name, async () => {
      const { port, all } = await stage.seed()
      const task = { protocol: 'seed' as const, port, connections, seconds, targets: [file], expected }
      return await watch(all, () => runLoader(task))
    })
  }
  return [row(ROWS.seed1, SMALL, 1), row(ROWS.seed32, SMALL, 32), row(ROWS.seedConflict32, CONFLICT, 32)]
}
