/** The part of the module of the platform that vouch uses. */
declare module 'cloudflare:workers' {
  /** A Durable Object, whose public methods are called from afar. */
  export abstract class DurableObject<E> {
    constructor(state: DurableObjectState, env: E)
    protected readonly ctx: DurableObjectState
    protected readonly env: E
  }

  /** An engine runs `run` of it to its end, however often the machine stops. */
  export abstract class WorkflowEntrypoint<E, P> {
    protected readonly env: E
    abstract run(event: { readonly payload: P }, step: WorkflowStep): Promise<unknown>
  }

  export interface WorkflowStep {
    /** Calls `work` until it resolves, and keeps the result. Rejects after the last retry. */
    do<T>(name: string, options: StepOptions, work: () => Promise<T>): Promise<T>
  }

  interface StepOptions {
    readonly retries: {
      readonly limit: number
      readonly delay: string
      readonly backoff: 'constant' | 'linear' | 'exponential'
    }
    /** Of one try. */
    readonly timeout: string
  }

  export interface DurableObjectState {
    readonly storage: {
      readonly sql: {
        exec(
          sql: string,
          ...values: (string | number | Uint8Array<ArrayBuffer> | null)[]
        ): {
          toArray(): Record<string, unknown>[]
        }
      }
      /** Takes back what a callback that throws has written. The callback must not be asynchronous. */
      transactionSync<T>(work: () => T): T
      readonly kv: { get(key: string): unknown; put(key: string, value: unknown): void }
      /** `alarm` of the object is called at this time, in milliseconds since 1970. */
      setAlarm(at: number): Promise<void>
    }
  }
}
