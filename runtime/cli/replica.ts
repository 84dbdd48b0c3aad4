import { resolve } from 'node:path'
import { createReplica } from '../../functions/replica/replica.ts'
import type { Places } from '../../functions/storage/overlap.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { type Flags, parseReplicaFlags, parseTarget } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import type { IndexState } from '../node/index-health.ts'
import { createMetrics } from '../node/metrics.ts'
import { hidePlaces } from '../node/places.ts'
import { Refusal } from '../node/refusal.ts'
import { openTracing } from '../node/tracing.ts'
import { S3_RULE } from '../s3/place.ts'
import type { Command } from './command.ts'
import { openDoor } from './doors.ts'
import { whileFilling } from './filling.ts'
import { type Io, say } from './io.ts'
import { requireOutside, toIndexPath } from './outside.ts'
import { type OpenedDirectory, openBucket, openDirectory } from './replicas.ts'
import type { ServerLog } from './server-log.ts'
import { reloadOnHangup, runServer, toBoth, withServerLog } from './servers.ts'

/** `vouch replica`: one directory, or one bucket, over HTTP. */
export const replica: Command = {
  run: (flags, [directory], io) =>
    withServerLog(flags, io, (io, log) => runReplica(flags, directory, io, log)),
}

async function runReplica(
  flags: Flags,
  directory: string | undefined,
  io: Io,
  log: ServerLog,
): Promise<number> {
  const { host, port, id } = parseReplicaFlags(flags)
  if (!directory)
    throw new Refusal('replica takes DIR, the directory to serve, got none; vouch replica . serves this one')
  const { door, tls, tokens } = openDoor(flags, host, io)
  reloadOnHangup([tokens, tls], io)
  const tracing = await openTracing(io.env, 'vouch-replica', (line) => say(io, line))
  const { storage, directories, index, places, close } = await openOperand(id, directory, flags, io)
  const metrics = createMetrics(directories, [{ id, index }], tls?.get)
  const app = createReplica(storage, {
    createHasher,
    writable: flags['writable'] === true,
    places,
    log: toBoth(log.request, metrics.log),
    isTraced: log.isTraced,
    around: tracing?.around,
    ...door,
  })
  metrics.mount(app)
  const toBanner = (url: string) => `replica ${id} listens on ${url}, serving ${directory}`
  try {
    return await whileFilling(directories, io, () =>
      runServer(app, io, { host, port, tls, log, toBanner, tracing, directories }),
    )
  } finally {
    close()
  }
}

interface Operand {
  readonly storage: Storage
  /** The directory that is served, if it is one. */
  readonly directories: readonly OpenedDirectory[]
  readonly index: IndexState
  /** As `hidePlaces` makes them. */
  readonly places: Places
  /** Closes what is no directory. */
  close(): void
}

async function openOperand(id: string, text: string, flags: Flags, io: Io): Promise<Operand> {
  if (!/^s3:/i.test(text)) {
    const directory = { id, path: resolve(io.cwd, text) }
    requireOutside(io, [directory])
    const indexPath = toIndexPath(flags, io, [directory])
    const opened = await openDirectory(directory, { flags, io, indexPath })
    const { storage, places } = opened
    return { storage, directories: [opened], index: storage, places, close() {} }
  }
  const target = parseTarget(text)
  // What it was is not said: there may be a key in it.
  if (target?.kind !== 's3') throw new Refusal(`replica takes a directory, or ${S3_RULE}`)
  const store = await openBucket(
    { id, word: target.word },
    { flags, io, indexPath: toIndexPath(flags, io, []) },
  )
  const { storage, close } = store
  return { storage, directories: [], index: store, places: hidePlaces(store.places), close }
}
