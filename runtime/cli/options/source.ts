import { SOURCE_FLAGS } from '../../hosting/flags.ts'

/** The flags of every command that asks replicas or a coordinator. */
export const SOURCE = { title: 'Whom to ask', flags: SOURCE_FLAGS }
