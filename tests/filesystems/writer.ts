import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The changes that `writer.py` can make to a file, documented by the functions of these names there. */
export type Deed =
  | 'copy'
  | 'copy range'
  | 'lengthen'
  | 'link'
  | 'make'
  | 'map'
  | 'open lmdb'
  | 'punch'
  | 'put lmdb'
  | 'reflink'
  | 'rename'
  | 'rewrite'
  | 'rsync'
  | 'stir lmdb'
  | 'store'
  | 'truncate'
  | 'write long'

/** Another program that writes, and keeps its mappings from one deed to the next. */
export interface Writer {
  /**
   * Makes the change. Resolves with null, or with the message of the system when it is refused. One at a
   * time.
   */
  do(deed: Deed, path: string, text: string): Promise<string | null>
  /** Ends the program, and with it its mappings. */
  close(): Promise<void>
}

/** Starts a writer, which the caller closes. */
export function startWriter(): Writer {
  const home = mkdtempSync(join(tmpdir(), 'vouch-writer-'))
  // Debian's, for which its python3-lmdb is.
  const args = [join(import.meta.dirname, 'writer.py')]
  const child = spawn('/usr/bin/python3', args, { env: { ...process.env, TMPDIR: home } })
  child.stderr.pipe(process.stderr, { end: false })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  return {
    async do(deed, path, text) {
      child.stdin.write(`${JSON.stringify({ deed, path, text })}\n`)
      const { done, value } = await lines.next()
      if (done) throw new Error(`writer.py ended at '${deed}' of '${path}'`)
      const answer: unknown = JSON.parse(value)
      return answer === null ? null : String(answer)
    },
    async close() {
      child.stdin.end()
      await ended
      rmSync(home, { recursive: true })
    },
  }
}
