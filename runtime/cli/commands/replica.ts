import { resolve } from 'node:path'
import { createReplica } from '../../../functions/replica/replica.ts'
import { openAccess } from '../../hosting/access.ts'
import { type Io, say } from '../../hosting/io.ts'
import { openSigners } from '../../hosting/keys.ts'
import { openDirectory, openStore } from '../../hosting/open-replicas.ts'
import { requireOutside, toIndexPath } from '../../hosting/outside.ts'
import { hidePlaces } from '../../hosting/places.ts'
import { listForms, parseTarget, type Target } from '../../hosting/replica-address.ts'
import { withBackgroundIndex } from '../../hosting/server/background-index.ts'
import { reloadOnHangup, runServer, toBoth } from '../../hosting/server/run-server.ts'
import { type ServerLog, withServerLog } from '../../hosting/server/server-log.ts'
import { createSum } from '../../hosting/stores/sums.ts'
import { createHasher } from '../../node/hasher.ts'
import { createMetrics } from '../../node/observe/metrics.ts'
import { openTracing } from '../../node/observe/tracing.ts'
import { UserError } from '../../node/user-error.ts'
import type { Arguments, Command } from '../options/command.ts'
import { type Options, readOptions } from '../options/declaration.ts'
import { REPLICA } from '../options/servers.ts'

export const replica: Command = {
  run: (given, io) => withServerLog(given, io, (io, log) => runReplica(given, io, log)),
}

async function runReplica(given: Arguments, io: Io, log: ServerLog): Promise<number> {
  const options = readOptions(REPLICA, given)
  const { host, port, id, writable } = options
  const { operand: directory } = given
  if (!directory)
    throw new UserError(
      'replica takes DIR, the directory to serve, got none; vouch replica . serves this one',
    )
  const target = requireStore(directory)
  const signers = await openSigners(options.sign, [{ id, target }], io)
  const { access, tls, tokens } = openAccess(options, io)
  reloadOnHangup([tokens, tls], io)
  const tracing = await openTracing(io.env, 'vouch-replica', (line) => say(io, line))
  const { storage, directories, indexed, places, close } = await openOperand(target, options, io)
  const metrics = createMetrics(directories, indexed, tls?.get)
  const app = createReplica(storage, {
    createHasher,
    createSum,
    writable,
    places,
    signers,
    log: toBoth(log.request, metrics.log),
    isTraced: log.isTraced,
    around: tracing?.around,
    ...access,
  })
  metrics.mount(app, io.worker)
  const toBanner = (url: string) => `replica ${id} listens on ${url}, serving ${directory}`
  try {
    return await withBackgroundIndex(directories, io, () =>
      runServer(app, io, { host, port, tls, log, toBanner, tracing, directories }),
    )
  } finally {
    await close()
  }
}

/** The operand, which is no replica server; throws a UserError otherwise. */
function requireStore(text: string): Exclude<Target, { kind: 'remote' }> {
  const target = parseTarget(text)
  // The message leaves out the value, which may hold a key.
  if (target === null || target.kind === 'remote')
    throw new UserError(`replica takes a directory, or a store: ${listForms()}`)
  return target
}

/** Opens the operand. `close` closes a store; directories are closed elsewhere. */
async function openOperand(
  target: ReturnType<typeof requireStore>,
  { id, index, writable }: Options<typeof REPLICA>,
  io: Io,
) {
  if (target.kind === 'directory') {
    const directory = { id, path: resolve(io.cwd, target.path) }
    requireOutside(io, [directory])
    const indexPath = toIndexPath(index, io, [directory])
    const opened = await openDirectory(directory, { writable, io, indexPath })
    const { storage, places } = opened
    return { storage, directories: [opened], indexed: [{ id, index: storage }], places, close() {} }
  }
  const store = await openStore(id, target, { writable, io, indexPath: toIndexPath(index, io, []) })
  const indexed = store.index === undefined ? [] : [{ id, index: store.index }]
  const { storage, close } = store
  return { storage, directories: [], indexed, places: hidePlaces(store.places), close }
}
