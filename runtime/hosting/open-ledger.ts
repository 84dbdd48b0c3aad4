import type { Ledger } from '../../functions/coordinator/ledger/ledger.ts'
import { toReason } from '../node/files/errno.ts'
import type { SqliteLedger } from '../node/ledger/sqlite-ledger.ts'
import { type Io, say } from './io.ts'
import { formatTarget, type ReplicaAddress, resolveTarget, type Target } from './replica-address.ts'

/** What a coordinator is given of its ledger. The caller calls `close`. */
export interface OpenedLedger {
  /** Undefined where nothing is kept in files. */
  readonly ledger: Ledger | undefined
  readonly onLedgerFailed: (error: unknown) => void
  close(): void
}

/**
 * The ledger of these replicas, in the directory of the digest indexes; its file is opened when it is first
 * used. A failure is reported on `stderr`, once.
 */
export function openLedger(
  replicas: readonly ReplicaAddress[],
  indexPath: string | null,
  io: Io,
): OpenedLedger {
  let opened: SqliteLedger | undefined
  let reported = ''

  async function open(directory: string): Promise<SqliteLedger> {
    const { openSqliteLedger, toLedgerFile } = await import('../node/ledger/sqlite-ledger.ts')
    const words = replicas.map(({ id, target }) => `${id}=${toPlace(target, io.cwd)}`)
    opened ??= openSqliteLedger(toLedgerFile(directory, words))
    return opened
  }

  return {
    ledger: indexPath === null ? undefined : createLateLedger(() => open(indexPath)),
    onLedgerFailed(error) {
      const reason = toReason(error)
      if (reason === reported) return
      reported = reason
      say(io, `warning: ${reason}; audits are not recorded until that is fixed`)
    },
    close: () => opened?.close(),
  }
}

function createLateLedger(open: () => Promise<Ledger>): Ledger {
  return {
    begin: async (...given) => await (await open()).begin(...given),
    note: async (...given) => await (await open()).note(...given),
    end: async (...given) => await (await open()).end(...given),
    corrupt: async () => await (await open()).corrupt(),
    noteCorrupt: async (...given) => await (await open()).noteCorrupt(...given),
    noteMended: async (...given) => await (await open()).noteMended(...given),
    verification: async () => await (await open()).verification(),
    noteVerification: async (...given) => await (await open()).noteVerification(...given),
    lastVerified: async () => await (await open()).lastVerified(),
    status: async () => await (await open()).status(),
    audits: async (...given) => await (await open()).audits(...given),
    count: async (...given) => await (await open()).count(...given),
    find: async (...given) => await (await open()).find(...given),
    list: async (...given) => await (await open()).list(...given),
    noteTree: async (...given) => await (await open()).noteTree(...given),
    trees: async (...given) => await (await open()).trees(...given),
    history: async (...given) => await (await open()).history(...given),
  }
}

/** Where a replica is, in words that stay the same from one run to the next. */
function toPlace(target: Target, cwd: string): string {
  return formatTarget(resolveTarget(target, cwd))
}
