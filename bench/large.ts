import { LARGE, warmPageCache } from './files.ts'
import { download } from './load.ts'
import { type Figures, type Measurement, toMeasurement } from './measurement.ts'
import type { Running } from './processes.ts'
import { ROWS } from './rows.ts'
import type { Cluster, Setting } from './setting.ts'
import type { Stage } from './stage.ts'
import { median } from './statistics.ts'
import { watch } from './usage.ts'

/** Downloads of one round, of which the median counts: one alone is at the mercy of a moment. */
const DOWNLOADS = 3

/** Whole downloads of a large file whose digest is known, and the same from servers that compare nothing. */
export function createLargeMeasurements({ sizes, installed }: Setting, stage: Stage): Measurement[] {
  function row(name: string, start: () => Promise<Cluster>, path: string) {
    return toMeasurement(name, async () => {
      const files = await stage.large()
      const { coordinator, all } = await start()
      return await watch(all, () => downloadOften(`${coordinator.url}/${path}`, sizes.large, files))
    })
  }

  const rows = [row(ROWS.warm, stage.pair, `files/${LARGE}`), row(ROWS.barePipe, alone(stage.bare), 'large')]
  if (installed.nginx) rows.push(row(ROWS.nginxLarge, alone(stage.nginx), LARGE))
  return rows
}

function alone(start: () => Promise<Running>): () => Promise<Cluster> {
  return async () => {
    const server = await start()
    return { coordinator: server, all: [server] }
  }
}

async function downloadOften(url: string, size: number, files: readonly string[]): Promise<Figures> {
  const figures: Figures[] = []
  for (let i = 0; i < DOWNLOADS; i++) {
    await warmPageCache(files)
    figures.push(await download(url, size))
  }
  const middle = (key: 'firstByte' | 'speed') => median(figures.map((each) => each[key] ?? Number.NaN))
  return { reads: DOWNLOADS, firstByte: middle('firstByte'), speed: middle('speed') }
}
