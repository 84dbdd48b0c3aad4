import { APPLY, CHECK, EXPLAIN, GET, PLAN, RESTORE } from './client-declarations.ts'
import type { Command } from './command.ts'
import type { Declaration } from './declaration.ts'
import { COORDINATOR, MARK, REPLICA } from './server-declarations.ts'
import { COMPLETIONS, HELP, MAN } from './tool-declarations.ts'

/** A command that can be run. */
export interface Entry {
  readonly declaration: Declaration
  /** What a server needs takes a client longer to load than to do its work: so each is loaded when it is run. */
  load(): Promise<Command>
}

/** Every command, in the order that help tells of them. */
export const COMMANDS: readonly Entry[] = [
  { declaration: GET, load: async () => (await import('./get.ts')).get },
  { declaration: CHECK, load: async () => (await import('./check.ts')).check },
  { declaration: EXPLAIN, load: async () => (await import('./explain.ts')).explain },
  { declaration: PLAN, load: async () => (await import('./plan.ts')).plan },
  { declaration: APPLY, load: async () => (await import('./apply.ts')).apply },
  { declaration: RESTORE, load: async () => (await import('./restore.ts')).restore },
  { declaration: REPLICA, load: async () => (await import('./replica.ts')).replica },
  { declaration: COORDINATOR, load: async () => (await import('./coordinator.ts')).coordinator },
  { declaration: MARK, load: async () => (await import('./mark.ts')).mark },
  { declaration: HELP, load: async () => (await import('./help.ts')).help },
  { declaration: COMPLETIONS, load: async () => (await import('./completions.ts')).completions },
  { declaration: MAN, load: async () => (await import('./man.ts')).man },
]
