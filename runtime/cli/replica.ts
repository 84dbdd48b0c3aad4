import { createReplica } from '../../functions/replica/replica.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { type Flags, parseReplicaFlags, parseTarget } from '../node/configuration.ts'
import { createHasher } from '../node/hasher.ts'
import { Refusal } from '../node/refusal.ts'
import { S3_RULE } from '../s3/place.ts'
import type { Command } from './command.ts'
import { DOOR_OPTIONS, DOOR_USAGE, openDoor } from './doors.ts'
import { whileFilling } from './filling.ts'
import type { Io } from './io.ts'
import { type OpenedDirectory, openBucket, openDirectory } from './replicas.ts'
import { createLog, LOG_OPTIONS, LOG_USAGE, runServer } from './servers.ts'

/** `vouch replica`: one directory, or one bucket, over HTTP. */
export const replica: Command = {
  usage: `vouch replica DIR [options]: serve the files below DIR to coordinators

DIR may be a bucket as well: s3://BUCKET or s3://BUCKET/PREFIX.

  --port PORT    where to listen, 0 for any free port (6002)
  --host HOST    the address to listen on (127.0.0.1)
  --id ID        what this replica calls itself in its messages (replica)
  --index PATH   the directory that remembers digests, a file for each DIR (vouch in the user's cache directory)
${LOG_USAGE}${DOOR_USAGE}
Prints one line when it listens and one a request. SIGINT or SIGTERM ends it once the answers under way are
finished; a second one ends it at once.
`,
  options: {
    port: { type: 'string' },
    host: { type: 'string' },
    id: { type: 'string' },
    index: { type: 'string' },
    ...DOOR_OPTIONS,
    ...LOG_OPTIONS,
  },
  operands: { most: 1, name: 'DIR' },
  async run(flags, [directory], io) {
    const { host, port, id } = parseReplicaFlags(flags)
    if (!directory) throw new Refusal('replica takes DIR, the directory to serve, got none')
    const { tls, ...door } = openDoor(flags, host, io)
    const { storage, directories, close } = await openOperand(id, directory, flags, io)
    const app = createReplica(storage, {
      createHasher,
      writable: flags['writable'] === true,
      ...createLog(flags, io),
      ...door,
    })
    const toBanner = (url: string) => `replica ${id} listens on ${url}, serving ${directory}`
    try {
      return await whileFilling(directories, io, () => runServer(app, io, { host, port, tls, toBanner }))
    } finally {
      close()
    }
  },
}

interface Operand {
  readonly storage: Storage
  /** The directory that is served, if it is one. */
  readonly directories: readonly OpenedDirectory[]
  /** Closes what is no directory. */
  close(): void
}

async function openOperand(id: string, text: string, flags: Flags, io: Io): Promise<Operand> {
  if (!/^s3:/i.test(text)) {
    const opened = openDirectory({ id, path: text }, flags, io)
    return { storage: opened.storage, directories: [opened], close() {} }
  }
  const target = parseTarget(text)
  // What it was is not said: there may be a key in it.
  if (target?.kind !== 's3') throw new Refusal(`replica takes a directory, or ${S3_RULE}`)
  return { directories: [], ...(await openBucket({ id, word: target.word }, flags, io)) }
}
