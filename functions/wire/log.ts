/** One answered request. Text from outside is not escaped: the log that prints it must do so. */
export interface RequestEntry {
  readonly method: string
  /** Path and query as sent. */
  readonly path: string
  readonly status: number
  /** Milliseconds until the answer began. */
  readonly ms: number
  readonly agreement?: string | undefined
  /** The text of `Replica-Status`. */
  readonly states?: string | undefined
  /** The announced length of the body in bytes; undefined for a stream of unknown length. */
  readonly bytes?: number | undefined
  /** The trace id, the same in the logs of all servers that the request reached; 32 hexadecimal digits. */
  readonly trace?: string | undefined
  /** The address of the client, or of the proxy in front; undefined when the host does not provide it. */
  readonly client?: string | undefined
  /** The error behind an answer of `internal-error`. */
  readonly error?: unknown
}

/** Called for each request when its answer begins. */
export type Log = (entry: RequestEntry) => void
