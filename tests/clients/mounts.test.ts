import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { finish, startVouch } from '../../runtime/cli/process.suite.ts'
import { untilMounted } from '../../runtime/node/mounts/mounted.suite.ts'
import { isInstalled } from '../operating/operating.suite.ts'
import { openStage, type Stage, start } from './stage.suite.ts'

// Programs that read a coordinator by WebDAV, two of them as a file system, and vouch mount.

const PROGRAMS = ['rclone', 'fusermount3', 'mount.davfs', 'cadaver', 'curl']
const missing = PROGRAMS.filter((program) => !isInstalled(program))
if (!existsSync('/dev/fuse')) missing.push('/dev/fuse')
if (missing.length > 0) console.warn(`NOT TESTED without ${missing.join(', ')}: WebDAV, and mounts`)
const isHere = (...programs: string[]) => programs.every((program) => !missing.includes(program))

const PATIENCE_MS = 120_000
const DIFFERS = 'd3/f 12&.bin'
const BESIDE = [`${DIFFERS}.server1`, `${DIFFERS}.server2`]
const LARGE = 8_000_000

let stage: Stage
const tree = new Map<string, Buffer>()
const other = randomBytes(10)

beforeAll(async () => {
  stage = await openStage()
  // Each program copies all of it, some twice.
  for (let i = 0; i < 250; i++)
    tree.set(`d${i % 10}/f ${Math.floor(i / 10)}&.bin`, Buffer.from(`file ${i}\n`.repeat(4 * i + 1)))
  for (const [name, content] of tree) stage.write(`tree/${name}`, content)
  stage.write(`tree/${DIFFERS}`, other, ['server2'])
})
afterAll(() => stage?.close())

const makeFolder = () => mkdtempSync(join(stage.root, 'client-'))

/** Runs a program in the folder; its exit status, and all that it printed. */
async function run(folder: string, program: string, ...args: string[]) {
  const { status, said } = await finish(start(program, args, folder, PATIENCE_MS))
  return { status, said: said.join('') }
}

/** The files below a folder, by name. */
function readTree(folder: string): Map<string, Buffer> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const paths = found.map(({ parentPath, name }) => join(parentPath, name)).toSorted()
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)]))
}

/** What a client gets of the tree: everything, but instead of the conflict the copy of each beside it. */
function toExpected(more: readonly [string, Buffer][] = []): Map<string, Buffer> {
  const rest = [...tree].filter(([name]) => name !== DIFFERS)
  const copies = [tree.get(DIFFERS) ?? Buffer.alloc(0), other]
  const all = [...more, ...rest, ...BESIDE.map((name, i) => [name, copies[i] ?? Buffer.alloc(0)] as const)]
  return new Map(all.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** A program that mounts a coordinator's files. */
interface Mount {
  readonly name: string
  readonly programs: readonly string[]
  /** Mounts at a folder, and returns how to unmount it. */
  mount(at: string): Promise<() => void | Promise<void>>
  /** What a program is told that reads a conflict. */
  readonly conflict: RegExp
  /** Whether it reads at any offset, and not only from the first byte to the last. */
  readonly seeks: boolean
  /** Whether it opens a conflict, and fails when it is read: cp then leaves an empty file. */
  readonly opens: boolean
  /** Whether it may, for a second, cut the new content of a file to the length of the old. */
  readonly cuts: boolean
}

const MOUNTS: readonly Mount[] = [
  {
    name: 'vouch',
    programs: [],
    conflict: /Input\/output error/,
    seeks: true,
    opens: false,
    cuts: false,
    async mount(at) {
      const ended = finish(startVouch(['mount', at, '--coordinator', stage.coordinatorUrl], stage.root))
      await untilMounted(at)
      return async () => {
        execFileSync('umount', [at])
        expect((await ended).status).toBe(0)
      }
    },
  },
  {
    name: 'davfs2',
    programs: ['mount.davfs'],
    conflict: /Invalid argument/,
    seeks: true,
    opens: false,
    cuts: true,
    async mount(at) {
      const settings = { ask_auth: 0, buf_size: 64, dir_refresh: 1, file_refresh: 1 }
      const lines = Object.entries({ ...settings }).map(([key, to]) => `${key} ${to}`)
      const conf = `${at}.conf`
      writeFileSync(conf, `${lines.join('\n')}\n`)
      execFileSync('mount.davfs', ['-o', `ro,conf=${conf}`, `${stage.coordinatorUrl}/dav`, at])
      return () => void execFileSync('umount', [at], { stdio: 'ignore' })
    },
  },
  {
    name: 'rclone',
    programs: ['rclone', 'fusermount3'],
    conflict: /Input\/output error/,
    seeks: false,
    opens: true,
    cuts: false,
    async mount(at) {
      const options =
        '--read-only --no-seek --async-read=false --vfs-read-wait 10s --vfs-read-chunk-size 1P --dir-cache-time 1s --low-level-retries 1'
      const url = ['--webdav-url', `${stage.coordinatorUrl}/dav/`, '--config', '']
      const child = start('rclone', ['mount', ':webdav:', at, ...url, ...options.split(' ')], stage.root, 0)
      const ended = finish(child)
      await untilMounted(at)
      return async () => {
        execFileSync('fusermount3', ['-u', at])
        await ended
      }
    },
  },
]

describe.each(MOUNTS.filter(({ programs }) => isHere('/dev/fuse', ...programs)))(
  'a mount by $name',
  ({ mount, conflict, seeks, opens, cuts }) => {
    let at: string
    let unmount: () => void | Promise<void> = () => {}
    beforeAll(async () => {
      at = makeFolder()
      unmount = await mount(at)
    })
    afterAll(() => unmount())

    it('copies a tree but for a conflict, which it has under a name for each holder', async () => {
      const folder = makeFolder()
      const { status, said } = await run(folder, 'cp', '-r', join(at, 'tree'), 'got')
      expect(readTree(join(folder, 'got'))).toEqual(toExpected(opens ? [[DIFFERS, Buffer.alloc(0)]] : []))
      expect([status, said]).toEqual([1, expect.stringMatching(conflict)])
    })

    it('is searched, but for a conflict', async () => {
      const { status, said } = await run(at, 'grep', '-r', '-l', '^file 177$', 'tree')
      expect([status, said]).toEqual([2, expect.stringContaining('tree/d7/f 17&.bin')])
      expect(said).toMatch(conflict)
    })

    it('reads no byte of a conflict', async () => {
      const { status, said } = await run(at, 'cat', `tree/${DIFFERS}`)
      expect([status, said]).toEqual([1, expect.stringMatching(conflict)])
    })

    it(seeks ? 'reads at any offset' : 'refuses to read elsewhere than where it left off', async () => {
      const content = randomBytes(LARGE)
      stage.write(`offsets-${at.slice(-6)}`, content)
      const path = join(at, `offsets-${at.slice(-6)}`)
      await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 20_000 })
      const fd = openSync(path, 'r')
      const read = (offset: number) => {
        const into = Buffer.alloc(1000)
        readSync(fd, into, 0, 1000, offset)
        return into
      }
      try {
        for (const offset of [LARGE - 1000, 3_000_000, 0, 5_000_000]) {
          const right = content.subarray(offset, offset + 1000)
          if (seeks || offset === 0) expect(read(offset)).toEqual(right)
          else expect(() => read(offset)).toThrow('ESPIPE')
        }
      } finally {
        closeSync(fd)
      }
    })

    /** A file of this letter alone, once the mount shows it so. */
    async function writeLetter(name: string, letter: string, length: number) {
      stage.write(name, Buffer.alloc(length, letter))
      await untilRead(name, letter)
    }

    async function untilRead(name: string, letter: string) {
      const isSeen = () => expect(toLetters(readFileSync(join(at, name)))).toBe(letter)
      await vi.waitFor(isSeen, { timeout: 20_000, interval: 200 })
    }

    /** The letters in the order in which they first occur. */
    function toLetters(bytes: Buffer): string {
      const found = new Set<number>()
      // A loop, since to make a string of each byte of 32 MB takes many times as long.
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== bytes[i - 1]) found.add(bytes[i] ?? 0)
      return String.fromCharCode(...found)
    }

    it('gives one content, or an error, to a program that reads while the file changes', async () => {
      const name = `changes-${at.slice(-6)}`
      stage.write(name, Buffer.alloc(4 * LARGE, 'a'))
      await vi.waitFor(() => expect(existsSync(join(at, name))).toBe(true), { timeout: 20_000 })
      const fd = openSync(join(at, name), 'r')
      onTestFinished(() => closeSync(fd))
      const into = Buffer.alloc(64 * 1024)
      readSync(fd, into)
      stage.write(name, Buffer.alloc(4 * LARGE, 'b'))
      let letters = toLetters(into)
      try {
        for (let n = readSync(fd, into); n > 0; n = readSync(fd, into))
          letters += toLetters(into.subarray(0, n))
      } catch (error) {
        expect(String(error)).toMatch(/EIO|ESPIPE/)
      }
      expect([...new Set(letters)]).toEqual(['a'])
      await untilRead(name, 'b')
    })

    it.each([
      ['longer', 2000],
      ['shorter', 500],
      ['as long', 1000],
    ])('shows soon the content of a file that becomes %s, and never a mixture', async (what, length) => {
      const name = `${what}-${at.slice(-6)}`
      await writeLetter(name, 'a', 1000)
      stage.write(name, Buffer.alloc(length, 'b'))
      const seen = new Set<string>()
      const look = () => {
        try {
          const bytes = readFileSync(join(at, name))
          seen.add(`${toLetters(bytes)} ${bytes.length}`)
        } catch (error) {
          expect(String(error)).toContain('EIO')
        }
        expect(seen).toContain(`b ${length}`)
      }
      await vi.waitFor(look, { timeout: 20_000, interval: 100 })
      const cut = cuts && length > 1000 ? ['b 1000'] : []
      expect([...seen].filter((one) => ![...cut, 'a 1000'].includes(one))).toEqual([`b ${length}`])
    })

    it('shows soon that a file has become a conflict', async () => {
      const name = `became-${at.slice(-6)}`
      await writeLetter(name, 'a', 1000)
      stage.write(name, Buffer.alloc(1000, 'b'), ['server1'])
      const isRefused = () => expect(() => readFileSync(join(at, name))).toThrow()
      await vi.waitFor(isRefused, { timeout: 20_000, interval: 200 })
      await untilRead(`${name}.server1`, 'b')
      await untilRead(`${name}.server2`, 'a')
    })
  },
)

describe('WebDAV by other programs', () => {
  const folderUrl = () => `${stage.coordinatorUrl}/dav/tree/d3/`

  it.skipIf(!isHere('rclone'))('rclone lists and copies a tree, and fails at a conflict', async () => {
    const folder = makeFolder()
    const url = ['--config', '', '--webdav-url', `${stage.coordinatorUrl}/dav/tree/`]
    const listed = await run(folder, 'rclone', 'lsf', '-R', '--files-only', ...url, ':webdav:')
    const names = listed.said.trim().split('\n').toSorted()
    expect(names).toEqual([...toExpected().keys(), DIFFERS].toSorted())
    const copied = await run(
      folder,
      'rclone',
      'copy',
      '--retries=1',
      '--low-level-retries=1',
      ...url,
      ':webdav:',
      'got',
    )
    expect([copied.status, copied.said]).toEqual([1, expect.stringContaining('409 Conflict')])
    expect(readTree(join(folder, 'got'))).toEqual(toExpected())
  })

  it.skipIf(!isHere('cadaver'))('cadaver lists a folder, and gets a copy beside a conflict', async () => {
    const folder = makeFolder()
    const input = 'ls\nget "f 12&.bin.server2" copy\nget "f 12&.bin" none\nquit\n'
    const { stdout } = spawnSync('cadaver', [folderUrl()], { cwd: folder, input, encoding: 'utf8' })
    expect(stdout).toContain('f 12&.bin.server1')
    expect(stdout).toContain('409 Conflict')
    expect(readFileSync(join(folder, 'copy'))).toEqual(other)
  })

  it.skipIf(!isHere('curl'))('curl reads the properties of a folder', async () => {
    const { status, said } = await run(
      stage.root,
      'curl',
      ...['-sS', '-X', 'PROPFIND', '-H', 'Depth: 1', folderUrl()],
    )
    expect([status, said.match(/<D:href>/g)?.length]).toEqual([0, 1 + 25 + 2])
  })
})

describe.skipIf(!isHere('/dev/fuse'))('while a replica is down', () => {
  let unmount: () => void | Promise<void> = () => {}
  afterEach(() => unmount())

  it.each(MOUNTS.filter(({ programs }) => isHere(...programs)))(
    'a mount by $name has what the other holds',
    async ({ mount }) => {
      await stage.stopReplica()
      const at = makeFolder()
      unmount = await mount(at)
      const { status } = await run(at, 'cp', '-r', join(at, 'tree'), join(stage.root, `down-${at.slice(-6)}`))
      expect(status).toBe(0)
      expect(readTree(join(stage.root, `down-${at.slice(-6)}`))).toEqual(
        new Map([...tree].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      )
    },
  )
})
