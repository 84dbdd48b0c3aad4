/** One request answered. Text from outside is as it came: whoever prints it escapes it. */
export interface RequestEntry {
  readonly method: string
  /** Path and query as they came. */
  readonly path: string
  readonly status: number
  /** Milliseconds until the answer began. */
  readonly ms: number
  readonly agreement?: string | undefined
  /** The text of `Replica-Status`. */
  readonly states?: string | undefined
  /** Bytes announced in the answer's body; undefined when none are, as for a stream of unknown length. */
  readonly bytes?: number | undefined
  /** The same in the logs of all servers that the request led to; 32 hexadecimal digits. */
  readonly trace?: string | undefined
  /** The address of the client, or of the proxy in front; undefined where the host does not tell. */
  readonly client?: string | undefined
  /** What went wrong inside, when the answer is a 5xx of our own making. */
  readonly error?: unknown
}

/** Told of each request once its answer begins. */
export type Log = (entry: RequestEntry) => void
