import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { createRandom } from '../../functions/wire/random.suite.ts'

/**
 * What the replicas hold of each name, by the ids of those that hold it: what every answer is checked
 * against.
 */
export type Truth = ReadonlyMap<string, ReadonlyMap<string, readonly Buffer[]>>

/** The results of all reads. */
export interface Tally {
  reads: number
  /** Answers with the file, with a conflict or with its absence, all true. */
  right: number
  /** 503: the coordinator did not know enough. */
  refused: number
  /** Answers that broke off because their copy did. */
  brokenOff: number
  /** The fault of each answer that was not true. */
  readonly wrong: string[]
}

/** Clients that read at random from a coordinator, and check every answer. The caller stops them. */
export interface Siege {
  readonly tally: Tally
  /** Resolves when `count` more reads have ended. */
  more(count: number): Promise<void>
  stop(): Promise<void>
}

const CLIENTS = 4
const PAUSE_MS = 25

/** `seed` makes the order of the names. */
export function startSiege(url: string, truth: Truth, seed: number): Siege {
  const tally: Tally = { reads: 0, right: 0, refused: 0, brokenOff: 0, wrong: [] }
  const names = [...truth.keys()]
  const random = createRandom(seed)
  let watchers: { readonly at: number; readonly resolve: () => void }[] = []
  let isStopped = false

  async function read(name: string): Promise<void> {
    try {
      const response = await fetch(`${url}/files/${name}`)
      const body = Buffer.from(await response.arrayBuffer())
      const problem = judge(name, truth.get(name) ?? new Map(), response, body)
      if (problem !== null) tally.wrong.push(problem)
      else if (response.status === 503) tally.refused++
      else tally.right++
    } catch {
      tally.brokenOff++
    }
    tally.reads++
    for (const { at, resolve } of watchers) if (tally.reads >= at) resolve()
    watchers = watchers.filter(({ at }) => tally.reads < at)
  }

  async function runClient(): Promise<void> {
    while (!isStopped) {
      await read(names[Math.floor(random() * names.length)] ?? '')
      // Some faults last for seconds, in which clients without a pause would only keep the machine busy.
      await setTimeout(PAUSE_MS)
    }
  }

  const clients = Array.from({ length: CLIENTS }, runClient)
  return {
    tally,
    more: (count) => new Promise((resolve) => watchers.push({ at: tally.reads + count, resolve })),
    async stop() {
      isStopped = true
      await Promise.all(clients)
    },
  }
}

/** The fault of an answer; null when it matches the replicas' files, any of which may be silent. */
function judge(
  name: string,
  holders: ReadonlyMap<string, readonly Buffer[]>,
  response: Response,
  body: Buffer,
): string | null {
  const { status } = response
  const [agreement = ''] = (response.headers.get('Replica-Agreement') ?? '').split(';')
  const say = (what: string) => `${name}: ${status} ${agreement}: ${what}`
  const contents = [...holders.values()].flat()
  const digests = new Set(contents.map(toField))
  if (status === 503) return null
  if (status === 404) return contents.length === 0 ? null : say('a file that is there')
  if (status === 409) return digests.size > 1 ? null : say('a conflict of copies that are the same')
  if (status !== 200) return say('a status that no read of this name may have')
  const field = response.headers.get('Repr-Digest') ?? ''
  if (toField(body) !== field) return say('other bytes than announced')
  if (!digests.has(field)) return say('a content that no replica holds')
  const canBeAlike = [...holders.values()].every((versions) => versions.some((one) => toField(one) === field))
  if (agreement === 'unanimous') {
    return canBeAlike && holders.size === REPLICAS ? null : say('not all hold this')
  }
  if (agreement === 'incomplete')
    return canBeAlike && holders.size < REPLICAS ? null : say('some replica differs')
  return agreement === 'degraded' ? null : say('a file without agreement')
}

/** How many replicas a besieged coordinator compares. */
export const REPLICAS = 3

function toField(bytes: Buffer): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
}
