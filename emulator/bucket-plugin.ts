/** Options of the bindings below: the service that is bound, by the name that workerd knows it by. */
interface ServiceBinding {
  readonly name: string
  readonly options: {
    readonly service: string
    readonly isBucket: boolean
    /** Where the service is, `host:port`, when it is in another process. */
    readonly address?: string
  }
}

/**
 * A Miniflare plugin that puts a Worker between another and a simulated bucket of R2: `isBucket` binds any
 * service as if it were a bucket, and without it the service behind a bucket is bound as a service. R2's
 * bindings speak HTTP with it.
 */
export const plugins = {
  bucket: {
    options: undefined,
    // Miniflare asks for every Worker, those without such a binding too.
    getBindings: (bindings: readonly ServiceBinding[] = []) =>
      bindings.map(({ name, options: { service, isBucket } }) => ({
        name,
        [isBucket ? 'r2Bucket' : 'service']: { name: service },
      })),
    getNodeBindings: () => ({}),
    getServices: ({ options: bindings = [] }: { options?: readonly ServiceBinding[] }) =>
      bindings.flatMap(({ options: { service, address } }) =>
        address === undefined ? [] : [{ name: service, external: { address, http: {} } }],
      ),
  },
}
