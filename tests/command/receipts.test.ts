import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Log, LogLevel, Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PublicKey, parsePublicKey } from '../../functions/proof/keys.ts'
import { verifyNote } from '../../functions/proof/note.ts'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createDirectory, writeFiles } from '../../runtime/cli/stage.suite.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const cwd = createDirectory()
let server: ServerProcess
let receipt: string
let key: PublicKey

/** A replica server of its own process, with a key, and a receipt of a file of it. */
beforeAll(async () => {
  await run('key', 'generate', 'nas.key', '--origin', 'nas.example')
  writeFiles(cwd, { 'files/notes.txt': 'hello\n' })
  server = await startServer(['replica', './files', '--sign', 'nas.key', '--log', 'json'], cwd)
  const source = ['--replica', `nas=${server.url}`, '--index', 'index']
  await run('get', 'notes.txt', '-O', '--receipt', 'notes.receipt', ...source)
  receipt = readFileSync(join(cwd, 'notes.receipt'), 'utf8')
  const parsed = await parsePublicKey(readFileSync(join(cwd, 'nas.key.pub'), 'utf8').trim())
  if (parsed === null) throw new Error('the key that was generated is valid')
  key = parsed
}, 120_000)

afterAll(() => server?.stop())

async function run(...args: readonly string[]): Promise<string> {
  const { status, said } = await finish(startVouch(args, cwd))
  expect([status, said[1]]).toEqual([0, expect.anything()])
  return said[0] ?? ''
}

/** What OpenSSL calls the key: SubjectPublicKeyInfo (RFC 8410 §4). */
function toSpki({ bytes }: PublicKey): Buffer {
  return Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes])
}

/** Whether OpenSSL verifies the only line of a note, taken apart as docs/proof.md says. */
function isSignedByOpenssl(note: string): boolean {
  const [text = '', lines = ''] = note.split('\n\n')
  const [, origin, encoded = ''] = /^\u2014 (\S+) (\S+)\n$/.exec(lines) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  const words = bytes.subarray(4, -64).toString()
  writeFileSync(join(cwd, 'message'), `vouch-statement/v1\n${words}\n${text}\n`)
  writeFileSync(join(cwd, 'signature'), bytes.subarray(-64))
  writeFileSync(join(cwd, 'key.der'), toSpki(key))
  expect(origin).toBe(key.origin)
  const args = ['-verify', '-pubin', '-inkey', 'key.der', '-keyform', 'DER', '-rawin', '-in', 'message']
  try {
    execFileSync('openssl', ['pkeyutl', ...args, '-sigfile', 'signature'], { cwd, stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

it('a receipt is verified by OpenSSL, and a changed one is not', () => {
  expect(isSignedByOpenssl(receipt)).toBe(true)
  expect(isSignedByOpenssl(receipt.replace('bytes 6', 'bytes 7'))).toBe(false)
  const sum = execFileSync('sha256sum', ['notes.txt'], { cwd, encoding: 'utf8' })
  expect(receipt).toContain(`sha-256 ${sum.slice(0, 64)}\n`)
})

it('the ID of the key is by the rule of C2SP, as OpenSSL hashes it', () => {
  const [, id, encoded] = readFileSync(join(cwd, 'nas.key.pub'), 'utf8')
    .trim()
    .split(/(?<=^[^+]*)\+|(?<=^[^+]*\+[^+]*)\+/)
  const hashed = Buffer.concat([Buffer.from('nas.example\n'), Buffer.from(encoded ?? '', 'base64')])
  const out = execFileSync('openssl', ['dgst', '-sha256', '-r'], { input: hashed, encoding: 'utf8' })
  expect(out.slice(0, 8)).toBe(id)
})

it('OpenSSL reads the private key as one of Ed25519, with the same public half', () => {
  const args = ['pkey', '-in', 'nas.key', '-pubout', '-outform', 'DER']
  expect(execFileSync('openssl', args, { cwd })).toEqual(toSpki(key))
})

it('a key that cannot be written whole leaves nothing, and says what to do', () => {
  const vouch = `${process.execPath} ${join(ROOT, 'runtime/cli/vouch.ts')} key generate full.key`
  const limited = `trap '' XFSZ; ulimit -f 0; NODE_COMPILE_CACHE= ${vouch} 2>&1; echo $?`
  expect(execFileSync('sh', ['-c', limited], { cwd, encoding: 'utf8' })).toMatch(
    /cannot write '.*full\.key': .*; name another FILE\n2\n$/,
  )
  expect(existsSync(join(cwd, 'full.key'))).toBe(false)
})

it('the private key is in no log, and in no list of processes', async () => {
  const [, secret = ''] = readFileSync(join(cwd, 'nas.key'), 'utf8').split('\n')
  await fetch(`${server.url}/keys`)
  const shown = ['cmdline', 'environ', 'status'].map((file) =>
    readFileSync(`/proc/${server.pid}/${file}`, 'utf8'),
  )
  shown.push(server.banner, JSON.stringify(await server.readEntry()))
  expect(secret.length).toBe(64)
  // All keys of Ed25519 begin with the same 16 bytes.
  expect(shown.join('\n')).not.toContain(secret.slice(24, 44))
})

it('a receipt made in Node is verified in workerd without nodejs_compat, and the other way round', async () => {
  const worker = `
    import { createSigner, generateKey, formatPublicKey, parsePublicKey } from './functions/proof/keys.ts'
    import { formatNote, signLine, verifyNote } from './functions/proof/note.ts'
    import { toReceiptText } from './functions/proof/receipt.ts'
    export default {
      async fetch(request) {
        const { note, line } = await request.json()
        const own = await parsePublicKey(line)
        const said = await verifyNote(note, [own]).then(({ signed }) => signed, (error) => error.message)
        const { pkcs8, key } = await generateKey('workerd')
        const signer = await createSigner(pkcs8, key)
        const text = toReceiptText({ name: 'a b', digest: 'a'.repeat(64), size: 1 })
        const made = formatNote(text, [await signLine(signer, { basis: 'read', time: 0 }, text)])
        return Response.json({ said, made, key: formatPublicKey(key) })
      },
    }`
  const { outputFiles } = await build({
    stdin: { contents: worker, resolveDir: ROOT, loader: 'ts' },
    ...{ bundle: true, write: false, format: 'esm', platform: 'neutral', mainFields: ['module', 'main'] },
  })
  const script = outputFiles[0]?.text ?? ''
  const log = new Log(LogLevel.NONE)
  const miniflare = new Miniflare({ modules: true, script, log, compatibilityDate: '2026-07-01', cf: false })
  try {
    const ask = async (note: string) => {
      const line = readFileSync(join(cwd, 'nas.key.pub'), 'utf8').trim()
      const body = JSON.stringify({ note, line })
      const response = await miniflare.dispatchFetch('http://worker.test', { method: 'POST', body })
      return (await response.json()) as { said: unknown; made: string; key: string }
    }
    const { said, made, key } = await ask(receipt)
    expect(said).toMatchObject([{ origin: 'nas.example', basis: 'read' }])
    expect((await ask(receipt.replace('bytes 6', 'bytes 7'))).said).toMatch(
      /^line 6: this is not what nas\.example/,
    )
    const own = await parsePublicKey(key)
    expect((await verifyNote(made, own === null ? [] : [own])).signed).toMatchObject([{ origin: 'workerd' }])
  } finally {
    await miniflare.dispose()
  }
}, 60_000)
