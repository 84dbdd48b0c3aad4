import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { finish, startVouch } from '../../runtime/cli/process.suite.ts'

// Known differences of hosts from Node.

const INDEX_CHILD = fileURLToPath(new URL('index-child.suite.ts', import.meta.url))

/** Root may read every file, unless it drops that capability. */
const AS_PLAIN_USER =
  process.getuid?.() === 0
    ? [
        'setpriv',
        '--bounding-set=-dac_override,-dac_read_search',
        '--inh-caps=-dac_override,-dac_read_search',
      ]
    : []

function createDirectory(): string {
  // Where Deno may write.
  const directory = mkdtempSync(join(process.env['XDG_CACHE_HOME'] ?? tmpdir(), 'vouch-host-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

/** The digest index on a host, which the program `host` with its options runs. */
export function describeIndex(world: string, [program = '', ...options]: readonly string[]): void {
  it(`the digest index ${world} starts over when it is damaged, and is used again after a lock`, async () => {
    const directory = createDirectory()
    const child = spawn(program, [...options, INDEX_CHILD, directory], { stdio: ['ignore', 'pipe', 'pipe'] })
    const { status, said } = await finish(child)
    expect([status, said[1]]).toEqual([0, expect.any(String)])
    expect(JSON.parse(said[0] ?? '')).toEqual({
      damaged: { notices: ['was damaged and starts over'], isWritten: true, names: ['a'] },
      locked: { notices: ['cannot be used (database is locked)'], isWritten: false, names: ['a'] },
      free: { notices: ['can be used again'], isWritten: true, names: ['a', 'b'] },
      lockedAtFirst: { notices: ['cannot be used (database is locked)'], isWritten: false, names: null },
      freeAtLast: { notices: ['can be used again'], isWritten: true, names: ['c'] },
    })
  })
}

/** A directory that a replica server may not read, on a host that opens directories. */
export function describeUnreadable(world: string, host: readonly string[]): void {
  describe(`a replica server ${world}`, () => {
    it.each([
      ['read', 0o300],
      ['search', 0o600],
    ])('does not start over a directory that it may not %s', async (_what, mode) => {
      const directory = createDirectory()
      mkdirSync(join(directory, 'root'))
      chmodSync(join(directory, 'root'), mode)
      const child = startVouch(['replica', 'root', '--port', '0'], directory, [...AS_PLAIN_USER, ...host])
      child.stdout?.once('data', () => child.kill())
      const { status, said } = await finish(child)
      expect(said).toEqual(['', expect.stringContaining('(EACCES)')])
      expect(status).toBe(2)
    })
  })
}
