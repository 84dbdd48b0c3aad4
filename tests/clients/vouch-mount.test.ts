import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { BUNDLE, finish, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { untilMounted } from '../../runtime/node/mounts/mounted.suite.ts'
import { isInstalled } from '../operating/operating.suite.ts'
import { openStage, type Stage, start } from './stage.suite.ts'

// What vouch mount does beside what every mount does, in mounts.test.ts.

const isHere = existsSync('/dev/fuse') && process.getuid?.() === 0
if (!isHere) console.warn('NOT TESTED without root and /dev/fuse: vouch mount')
const hasMedia = isInstalled('ffmpeg') && isInstalled('ffprobe')
if (!hasMedia) console.warn('NOT TESTED without ffmpeg: players on vouch mount')

const MIB = 1024 * 1024

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage?.close())

/** Starts the command at a new directory; the caller unmounts it. */
async function startMount(args: readonly string[]) {
  const at = mkdtempSync(join(stage.root, 'mount-'))
  const child = startVouch(['mount', at, ...args], stage.root)
  const ended = finish(child)
  await untilMounted(at)
  const unmount = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { at, child, ended, unmount }
}

/** Starts the command at a new directory, which its test unmounts. */
async function mount(...args: readonly string[]) {
  const mounted = await startMount(args)
  onTestFinished(mounted.unmount)
  return mounted
}

const mountStage = (...args: readonly string[]) => mount('--coordinator', stage.coordinatorUrl, ...args)

const isMounted = (at: string) => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${at} `)

/** The most memory that a process has had, in MiB. */
function readPeak(pid: number | undefined): number {
  const [, kib = ''] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

/** The code of the error that `work` throws. */
function catchCode(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

describe.skipIf(!isHere)('vouch mount', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends at %s, also while a file is open', async (signal) => {
    stage.write('open', randomBytes(4 * MIB))
    const { at, child, ended } = await mountStage()
    const fd = openSync(join(at, 'open'), 'r')
    expect(readSync(fd, Buffer.alloc(10))).toBe(10)
    child.kill(signal)
    expect((await ended).status).toBe(0)
    expect(isMounted(at)).toBe(false)
    expect(readdirSync(at)).toEqual([])
    expect(catchCode(() => readSync(fd, Buffer.alloc(10)))).toMatch(/ENOTCONN|ECONNABORTED/)
    expect(catchCode(() => closeSync(fd))).toBe('ENOTCONN')
  })

  it('ends when it is unmounted', async () => {
    const { at, ended } = await mountStage()
    execFileSync('umount', [at])
    const { status, said } = await ended
    expect([status, said[1]]).toEqual([0, `mounted at ${at}; Ctrl-C or umount ends it\n`])
  })

  it('says what is left of a mount that was killed', async () => {
    const { at, child, ended } = await mountStage()
    child.kill('SIGKILL')
    await ended
    const again = startVouch(['mount', at, '--coordinator', stage.coordinatorUrl], stage.root)
    const words = `; umount ${at} removes what was mounted there`
    expect(await finish(again)).toMatchObject({ status: 2, said: ['', expect.stringContaining(words)] })
    execFileSync('umount', [at])
  })

  it('shows the owner and the permissions of its directory, without those to write', async () => {
    stage.write('private', Buffer.from('x'))
    const at = mkdtempSync(join(stage.root, 'own-'))
    chmodSync(at, 0o750)
    chownSync(at, 4711, 4712)
    const ended = finish(startVouch(['mount', at, '--coordinator', stage.coordinatorUrl], stage.root))
    await untilMounted(at)
    const { mode, uid, gid } = statSync(join(at, 'private'))
    const folder = statSync(at).mode
    execFileSync('umount', [at])
    await ended
    expect([mode, uid, gid, folder]).toEqual([0o100440, 4711, 4712, 0o40550])
  })

  it('reads nothing that would be written', async () => {
    stage.write('fixed', Buffer.from('x'))
    const { at } = await mountStage()
    expect(catchCode(() => writeFileSync(join(at, 'new'), ''))).toBe('EROFS')
    expect(catchCode(() => truncateSync(join(at, 'fixed')))).toBe('EROFS')
    expect(catchCode(() => mkdirSync(join(at, 'folder')))).toBe('EROFS')
  })

  describe('at one place', () => {
    let at: string
    let unmount: () => Promise<void>
    beforeAll(async () => {
      ;({ at, unmount } = await startMount(['--coordinator', stage.coordinatorUrl]))
    })
    afterAll(() => unmount?.())

    it.each([
      ['a backslash', 'a\\b', 'EIO'],
      ["what is vouch's own", '.vouch', 'EIO'],
      ['bytes that are not UTF-8', Buffer.from([0xff, 0x61]), 'EIO'],
      ['nothing', 'nothing', 'ENOENT'],
      ['a line feed', 'a\nb', 'ENOENT'],
      ['a name that is too long', 'x'.repeat(2000), 'EIO'],
    ])('answers for %s', (_, name, code) => {
      const path = Buffer.concat([Buffer.from(`${at}/`), Buffer.from(name)])
      expect(catchCode(() => statSync(path))).toBe(code)
    })
  })

  it('has names with any characters', async () => {
    const names = ['a\nb', 'ü 🐟', '%2e%2e', '?#&', '\'"<>', '\u0001', '-rf', '\ufeffmark']
    for (const name of names) stage.write(`odd/${name}`, Buffer.from(name))
    const { at } = await mountStage()
    expect(readdirSync(join(at, 'odd')).toSorted()).toEqual(names.toSorted())
    for (const name of names) expect(readFileSync(join(at, 'odd', name), 'utf8')).toBe(name)
  })

  it('reads many files at once, more than keep a connection', async () => {
    const contents = Array.from({ length: 150 }, (_, i) => Buffer.alloc(300_000, String(i)))
    for (const [i, content] of contents.entries()) stage.write(`many/${i}`, content)
    const { at } = await mountStage()
    const fds = contents.map((_, i) => openSync(join(at, 'many', String(i)), 'r'))
    onTestFinished(() => {
      for (const fd of fds) closeSync(fd)
    })
    for (const offset of [0, 100_000, 200_000]) {
      for (const [i, fd] of fds.entries()) {
        const into = Buffer.alloc(100_000)
        readSync(fd, into, 0, into.length, offset)
        expect(into.equals((contents[i] ?? into).subarray(offset, offset + into.length)), `${i}`).toBe(true)
      }
    }
    const read = await Promise.all(contents.map((_, i) => readFile(join(at, 'many', String(i)))))
    expect(read.every((bytes, i) => bytes.equals(contents[i] ?? Buffer.alloc(0)))).toBe(true)
  })

  it('lists a folder of many files', async () => {
    const { path, url } = await serveTree((root) => {
      for (let i = 0; i < 12_000; i++) writeFileSync(join(root, `f${i}`), '')
    })
    const { at } = await mount('--coordinator', url)
    expect(readdirSync(at).toSorted()).toEqual(readdirSync(path).toSorted())
  })

  it('holds the size of a file to its content, whoever else opens another', async () => {
    const sizes = { a: 3000, b: 200_000, c: 70_000, d: 10 }
    const { at } = await mountStage()
    const seen = new Set<string>()
    for (let round = 0; round < 40; round++) {
      const [letter = 'a', size = 0] = Object.entries(sizes)[round % 4] ?? []
      const read = Array.from({ length: 8 }, () => readFile(join(at, 'turns')).catch(() => null))
      stage.write('turns', Buffer.alloc(size, letter))
      for (const bytes of await Promise.all(read))
        if (bytes !== null) seen.add(`${[...new Set(bytes.toString('latin1'))].join('')} ${bytes.length}`)
    }
    expect(Object.entries(sizes).map(([letter, size]) => `${letter} ${size}`)).toEqual(
      expect.arrayContaining([...seen]),
    )
    expect(seen.size).toBeGreaterThan(1)
  })

  it('fails to read on where the content is gone, and does not end the file', async () => {
    stage.write('gone', Buffer.alloc(8 * MIB, 'a'))
    const { at } = await mountStage()
    const fd = openSync(join(at, 'gone'), 'r')
    onTestFinished(() => closeSync(fd))
    stage.write('gone', Buffer.alloc(8 * MIB, 'b'))
    const into = Buffer.alloc(1000)
    expect(catchCode(() => readSync(fd, into, 0, 1000, 7 * MIB))).toBe('EIO')
  })

  it('goes on in a file whose connection broke off', async () => {
    const content = randomBytes(8 * MIB)
    stage.write('resumed', content)
    const { at } = await mount('--coordinator', stage.url)
    stage.meddler.begin({ kind: 'cut' })
    expect((await readFile(join(at, 'resumed'))).equals(content)).toBe(true)
    expect(stage.meddler.countContents()).toBe(2)
    stage.meddler.begin({ kind: 'pass' })
  })

  it('answers EIO, and never that a file is missing, while the coordinator is gone', async () => {
    const { url, stop } = await serveTree((root) => writeFileSync(join(root, 'here'), 'x'))
    const { at } = await mount('--coordinator', url)
    await stop()
    for (const name of ['here', 'elsewhere'])
      expect(
        catchCode(() => readFileSync(join(at, name))),
        name,
      ).toBe('EIO')
    expect(catchCode(() => readdirSync(at))).toBe('EIO')
  })

  it('compares directories by itself, and holds to --require', async () => {
    const root = mkdtempSync(join(stage.root, 'own-'))
    for (const id of ['a', 'b']) {
      mkdirSync(join(root, id))
      writeFileSync(join(root, id, 'same'), 'same')
      writeFileSync(join(root, id, 'differs'), id)
    }
    const replicas = ['--replica', `a=${root}/a`, '--replica', `b=${root}/b`, '--index', join(root, 'index')]
    const { at } = await mount(...replicas)
    expect(readFileSync(join(at, 'same'), 'utf8')).toBe('same')
    expect(catchCode(() => readFileSync(join(at, 'differs')))).toBe('EIO')
    expect(readFileSync(join(at, 'differs.b'), 'utf8')).toBe('b')
    const silent = ['--replica', 'c=http://127.0.0.1:1']
    const partial = await mount(...replicas, ...silent)
    expect(readFileSync(join(partial.at, 'same'), 'utf8')).toBe('same')
    expect(catchCode(() => statSync(join(partial.at, 'nothing')))).toBe('EIO')
    const at2 = mkdtempSync(join(stage.root, 'mount-'))
    const strict = startVouch(['mount', at2, ...replicas, ...silent, '--require', 'all'], stage.root)
    expect(await finish(strict)).toMatchObject({ status: 2, said: ['', expect.stringMatching(/2 of 3/)] })
  })

  it.each([
    ['a directory that is not there', 'nowhere', /cannot mount at .*no such file or directory/],
    ['a file', 'file', /cannot mount at .*not a directory/],
    ['a directory inside a replica', 'server1/inside', /is inside the replica r/],
    ['the directory above a replica', '.', /is not empty/],
  ])('refuses %s', async (_, path, words) => {
    writeFileSync(join(stage.root, 'file'), '')
    mkdirSync(join(stage.root, 'server1/inside'), { recursive: true })
    const child = startVouch(
      ['mount', path, '--replica', 'r=server1', '--index', 'index-refused'],
      stage.root,
    )
    expect(await finish(child)).toMatchObject({ status: 2, said: ['', expect.stringMatching(words)] })
  })

  it('refuses everybody but root, who alone may mount', async () => {
    const env = { ...process.env, HOME: stage.root, NODE_COMPILE_CACHE: undefined }
    const vouch = [process.execPath, BUNDLE, 'mount', '/', '--coordinator', stage.coordinatorUrl]
    const words = ['--reuid=65534', '--regid=65534', '--clear-groups', ...vouch]
    const { status, stderr } = spawnSync('setpriv', words, { cwd: '/', env, encoding: 'utf8' })
    expect([status, stderr]).toEqual([2, 'vouch: mounting needs root; run it with sudo\n'])
  })

  it('needs no more memory for a large file, which is as it was', { timeout: 120_000 }, async () => {
    const { path, url } = await serveTree((root) => {
      const chunk = randomBytes(MIB)
      const fd = openSync(join(root, 'large'), 'w')
      for (let i = 0; i < 1024; i++) writeFileSync(fd, chunk)
      closeSync(fd)
      writeFileSync(join(root, 'small'), chunk)
    })
    const { at, child } = await mount('--coordinator', url)
    const hash = async (file: string) => {
      const hashing = start('sha256sum', [file], stage.root, 0)
      return (await finish(hashing)).said[0]?.split(' ')[0]
    }
    await hash(join(at, 'small'))
    const before = readPeak(child.pid)
    expect(await hash(join(at, 'large'))).toBe(await hash(join(path, 'large')))
    expect(readPeak(child.pid) - before).toBeLessThan(200)
  })

  it.skipIf(!hasMedia)('lets a player find the index at the end of a film', async () => {
    const film = join(stage.root, 'film.mp4')
    const picture = ['-f', 'lavfi', '-i', 'testsrc=duration=20:size=640x360:rate=25']
    execFileSync('ffmpeg', ['-v', 'error', ...picture, '-c:v', 'mpeg4', '-b:v', '4M', film])
    const bytes = readFileSync(film)
    expect(bytes.indexOf('moov')).toBeGreaterThan(bytes.length / 2)
    stage.write('film.mp4', bytes)
    const { at } = await mountStage()
    const words = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', join(at, 'film.mp4')]
    const { status, said } = await finish(start('ffprobe', words, stage.root, 0))
    expect([status, Number(said[0])]).toEqual([0, 20])
    const part = [
      '-v',
      'error',
      '-ss',
      '15',
      '-i',
      join(at, 'film.mp4'),
      '-frames:v',
      '1',
      '-f',
      'rawvideo',
      '-',
    ]
    const shown = spawnSync('ffmpeg', part, { maxBuffer: 10 * MIB })
    const right = spawnSync('ffmpeg', part.with(5, film), { maxBuffer: 10 * MIB })
    expect(createHash('sha256').update(shown.stdout).digest('hex')).toBe(
      createHash('sha256').update(right.stdout).digest('hex'),
    )
    expect(shown.stdout.length).toBeGreaterThan(0)
  })

  /** A coordinator over one new directory. Its test stops it. */
  async function serveTree(fill: (root: string) => void) {
    const path = mkdtempSync(join(stage.root, 'tree-'))
    fill(path)
    const words = ['coordinator', '--single', '--replica', `only=${path}`, '--index', `${path}-index`]
    const { url, stop } = await startServer(words, stage.root)
    onTestFinished(() => stop())
    return { path, url, stop }
  }
})
