import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readStates } from '../../functions/storage/suite/states.suite.ts'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const SAMPLES = join(import.meta.dirname, '../../emulator/samples')
const { path: directory, remove } = createTemporaryDirectory('vouch-clients-')
let replica: ServerProcess
let coordinator: ServerProcess

beforeAll(async () => {
  await cp(join(SAMPLES, 'server1'), join(directory, 'server1_files'), { recursive: true })
  await cp(join(SAMPLES, 'server2'), join(directory, 'server2_files'), { recursive: true })
  replica = await startServer(['replica', './server2_files', '--id', 'server2'], directory)
  const words = ['--replica', 'server1=./server1_files', '--replica', `server2=${replica.url}`]
  coordinator = await startServer(['coordinator', ...words], directory)
})

afterAll(async () => {
  await coordinator.stop()
  await replica.stop()
  remove()
})

beforeEach(() => {
  for (const file of readdirSync(directory))
    if (!file.endsWith('_files')) rmSync(join(directory, file), { recursive: true })
})

/** Runs a client in the directory, and returns its result. */
async function run(program: string, ...args: string[]): Promise<{ status: number; stdout: string }> {
  return await new Promise((resolve) => {
    execFile(program, args, { cwd: directory, timeout: 60_000 }, (error, stdout) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout })
    })
  })
}

const curl = (...args: string[]) => run('curl', '-sS', ...args)
const read = (file: string) => readFileSync(join(directory, file))
const sample = (file: string) => readFileSync(join(SAMPLES, file))
const toUrl = (name: string) => `${coordinator.url}/files/${name}`

async function get(name: string) {
  return await finish(startVouch(['get', name, '--coordinator', coordinator.url], directory))
}

describe('three processes', () => {
  it.each([
    ['file1.txt', 0, ['client_received.txt'], ['server1/file1.txt']],
    [
      'file2.txt',
      1,
      ['server1_version.txt', 'server2_version.txt'],
      ['server1/file2.txt', 'server2/file2.txt'],
    ],
    ['file3.txt', 0, ['client_received.txt'], ['server1/file3.txt']],
    ['file4.txt', 2, [], []],
    ['file5.txt', 0, ['client_received.txt'], ['server2/file5.txt']],
    ['photo.bin', 0, ['client_received.bin'], ['server2/photo.bin']],
  ])('return %s with exit status %i and %j', async (name, status, written, samples) => {
    expect((await get(name)).status).toBe(status)
    const files = readdirSync(directory).filter((file) => !file.endsWith('_files'))
    expect(files).toEqual(written.length > 1 ? ['.vouch-conflict.json', ...written] : written)
    for (const [i, file] of written.entries()) expect(read(file)).toEqual(sample(samples[i] ?? ''))
  })
})

describe('curl', () => {
  it('fails on a conflict, and writes no version', async () => {
    expect((await curl('-f', '-o', 'f', toUrl('file2.txt'))).status).toBe(22)
    expect(readdirSync(directory)).not.toContain('f')
  })

  it('gets a range', async () => {
    const { stdout } = await curl('-r', '100-199', '-o', 'part', '-w', '%{http_code}', toUrl('photo.bin'))
    expect(stdout).toBe('206')
    expect(read('part')).toEqual(sample('server1/photo.bin').subarray(100, 200))
  })

  it('gets only the fields with -I', async () => {
    const { stdout } = await curl('-I', toUrl('photo.bin'))
    expect(stdout).toContain('HTTP/1.1 200 OK')
    expect(stdout.toLowerCase()).toContain(`content-length: ${sample('server1/photo.bin').length}\r\n`)
    expect(stdout.toLowerCase()).toContain('replica-agreement: unanimous;answered=2;of=2\r\n')
  })

  it('gets the file with -z only when it is newer', async () => {
    const status = ['-o', 'f', '-w', '%{http_code}', toUrl('file1.txt')]
    expect((await curl('-z', 'Sun, 06 Nov 1994 08:49:37 GMT', ...status)).stdout).toBe('200')
    expect((await curl('-z', new Date(Date.now() + 60_000).toUTCString(), ...status)).stdout).toBe('304')
  })

  it('keeps the file it has with --etag-compare', async () => {
    const status = ['-o', 'f', '-w', '%{http_code}', toUrl('file1.txt')]
    expect((await curl('--etag-save', 'etag', ...status)).stdout).toBe('200')
    expect((await curl('--etag-compare', 'etag', ...status)).stdout).toBe('304')
    expect(read('f')).toEqual(sample('server1/file1.txt'))
  })
})

describe('wget', () => {
  it('continues with -c where it stopped', async () => {
    const whole = sample('server1/photo.bin')
    writeFileSync(join(directory, 'photo.bin'), whole.subarray(0, 100_000))
    expect((await run('wget', '-q', '-c', toUrl('photo.bin'))).status).toBe(0)
    expect(read('photo.bin')).toEqual(whole)
  })

  it('fails on a conflict, and saves no version', async () => {
    expect((await run('wget', '-q', toUrl('file2.txt'))).status).toBe(8)
    expect(readdirSync(directory)).not.toContain('file2.txt')
  })
})

describe("Python's email parser", () => {
  it('reads every version out of multipart/mixed', async () => {
    await curl('-H', 'Accept: multipart/mixed', '-D', 'head', '-o', 'body', toUrl('file2.txt'))
    const script = `
import base64, email, email.policy, json
raw = open('head', 'rb').read().split(b'\\r\\n', 1)[1] + open('body', 'rb').read()
message = email.message_from_bytes(raw, policy=email.policy.HTTP)
parts = list(message.iter_parts())
print(json.dumps({
  'defects': len(message.defects) + sum(len(part.defects) for part in parts),
  'manifest': json.loads(parts[0].get_payload(decode=True)),
  'versions': [[part.get_filename(), base64.b64encode(part.get_payload(decode=True)).decode()] for part in parts[1:]],
}))`
    const { defects, manifest, versions } = JSON.parse((await run('python3', '-c', script)).stdout)
    expect(defects).toBe(0)
    expect(manifest).toMatchObject({ name: 'file2.txt', agreement: 'conflict' })
    expect(versions).toEqual([
      ['server1_version.txt', sample('server1/file2.txt').toString('base64')],
      ['server2_version.txt', sample('server2/file2.txt').toString('base64')],
    ])
  })
})

// Last, for there is no replica after it.
describe('when the replica is killed', () => {
  beforeAll(() => replica.stop())

  it('the coordinator sends the files of server1 as degraded, and reports no file as absent', async () => {
    const degraded = await fetch(toUrl('file3.txt'))
    expect([degraded.status, await degraded.text()]).toEqual([200, sample('server1/file3.txt').toString()])
    expect(degraded.headers.get('Replica-Agreement')).toBe('degraded;answered=1;of=2')
    expect(readStates(degraded.headers)).toBe(
      'server1;state=match, server2;state=error;error=connection_refused',
    )
    expect((await fetch(toUrl('file5.txt'))).status).toBe(503)
    expect((await get('file5.txt')).status).toBe(2)
    expect((await get('file3.txt')).status).toBe(3)
  })
})
