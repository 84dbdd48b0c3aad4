import type { Command } from './options/command.ts'
import type { Declaration } from './options/declaration.ts'

interface Loaders {
  /** Loads what the command takes. */
  declare(): Promise<Declaration>
  /** Loads what runs it. */
  load(): Promise<Command>
}

/**
 * Every command. A run loads only its own: to load a server, or the texts of all commands, takes longer than
 * many a command works.
 */
export const COMMANDS: Readonly<Record<string, Loaders>> = {
  get: {
    declare: async () => (await import('./options/get.ts')).GET,
    load: async () => (await import('./commands/get.ts')).get,
  },
  check: {
    declare: async () => (await import('./options/check.ts')).CHECK,
    load: async () => (await import('./commands/check.ts')).check,
  },
  ls: {
    declare: async () => (await import('./options/listing.ts')).LS,
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  cat: {
    declare: async () => (await import('./options/listing.ts')).CAT,
    load: async () => (await import('./commands/cat.ts')).cat,
  },
  mount: {
    declare: async () => (await import('./options/listing.ts')).MOUNT,
    load: async () => (await import('./commands/mount.ts')).mount,
  },
  estimate: {
    declare: async () => (await import('./options/records.ts')).ESTIMATE,
    load: async () => (await import('./commands/records/estimate.ts')).estimate,
  },
  merge: {
    declare: async () => (await import('./options/merge.ts')).MERGE,
    load: async () => (await import('./commands/merge.ts')).merge,
  },
  verify: {
    declare: async () => (await import('./options/records.ts')).VERIFY,
    load: async () => (await import('./commands/records/verify.ts')).verify,
  },
  status: {
    declare: async () => (await import('./options/records.ts')).STATUS,
    load: async () => (await import('./commands/records/status.ts')).status,
  },
  history: {
    declare: async () => (await import('./options/records.ts')).HISTORY,
    load: async () => (await import('./commands/records/history.ts')).history,
  },
  explain: {
    declare: async () => (await import('./options/differences.ts')).EXPLAIN,
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  sums: {
    declare: async () => (await import('./options/records.ts')).SUMS,
    load: async () => (await import('./commands/records/sums.ts')).sums,
  },
  resolve: {
    declare: async () => (await import('./options/differences.ts')).RESOLVE,
    load: async () => (await import('./commands/repair/resolve.ts')).resolve,
  },
  plan: {
    declare: async () => (await import('./options/differences.ts')).PLAN,
    load: async () => (await import('./commands/repair/plan.ts')).plan,
  },
  apply: {
    declare: async () => (await import('./options/differences.ts')).APPLY,
    load: async () => (await import('./commands/repair/apply.ts')).apply,
  },
  restore: {
    declare: async () => (await import('./options/differences.ts')).RESTORE,
    load: async () => (await import('./commands/repair/restore.ts')).restore,
  },
  receipt: {
    declare: async () => (await import('./options/receipts.ts')).RECEIPT,
    load: async () => (await import('./commands/receipt.ts')).receipt,
  },
  replica: {
    declare: async () => (await import('./options/servers.ts')).REPLICA,
    load: async () => (await import('./commands/replica.ts')).replica,
  },
  coordinator: {
    declare: async () => (await import('./options/servers.ts')).COORDINATOR,
    load: async () => (await import('./commands/coordinator.ts')).coordinator,
  },
  mark: {
    declare: async () => (await import('./options/servers.ts')).MARK,
    load: async () => (await import('./commands/mark.ts')).mark,
  },
  key: {
    declare: async () => (await import('./options/receipts.ts')).KEY,
    load: async () => (await import('./commands/key.ts')).key,
  },
  help: {
    declare: async () => (await import('./options/declarations.ts')).HELP,
    load: async () => (await import('./help/help.ts')).help,
  },
  completions: {
    declare: async () => (await import('./options/declarations.ts')).COMPLETIONS,
    load: async () => (await import('./help/completions.ts')).completions,
  },
  config: {
    declare: async () => (await import('./options/settings.ts')).CONFIG,
    load: async () => (await import('./commands/config.ts')).config,
  },
  version: {
    declare: async () => (await import('./options/declarations.ts')).VERSION,
    load: async () => (await import('./help/help.ts')).version,
  },
  man: {
    declare: async () => (await import('./options/declarations.ts')).MAN,
    load: async () => (await import('./help/manual.ts')).man,
  },
}
