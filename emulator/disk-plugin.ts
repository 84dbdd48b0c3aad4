/** Options of the binding below: the directory, an absolute path. */
interface DiskBinding {
  readonly name: string
  readonly options: { readonly path: string }
}

/**
 * A Miniflare plugin that binds a directory through workerd's disk service, read-only. Miniflare's own `disk`
 * binding drops `allowDotfiles`, so every file below a name that starts with a dot would look missing.
 */
export const plugins = {
  directory: {
    options: undefined,
    // Miniflare asks for every Worker, those without such a binding too.
    getBindings: (bindings: readonly DiskBinding[] = []) =>
      bindings.map(({ name, options }) => ({ name, service: { name: toServiceName(options.path) } })),
    getNodeBindings: () => ({}),
    getServices: ({ options: bindings = [] }: { options?: readonly DiskBinding[] }) =>
      bindings.map(({ options: { path } }) => ({
        name: toServiceName(path),
        disk: { path, writable: false, allowDotfiles: true },
      })),
  },
}

function toServiceName(path: string): string {
  return `directory:${path}`
}
