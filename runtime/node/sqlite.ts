type Sqlite = typeof import('node:sqlite')

/** node:sqlite, without the one warning that loading it prints on Node 22 and 24; other warnings pass. */
export function loadSqlite(): Sqlite {
  const emit = process.emitWarning
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental'))
      Reflect.apply(emit, process, [warning, ...rest])
  }
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emit
  }
}
