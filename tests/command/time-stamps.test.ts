import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { finish, startVouch } from '../../runtime/cli/process.suite.ts'
import { createStageWith, startScript } from '../../runtime/cli/stage.suite.ts'

const DOCUMENT = fileURLToPath(new URL('../../docs/proof.md', import.meta.url))

/** What an authority needs to answer: its key, its certificate and a number for each stamp. */
const SETTINGS = `
[tsa]
default_tsa = authority
[authority]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./authority.pem
certs = ./authority.pem
signer_key = ./authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

/** Starts a time stamp authority of OpenSSL; resolves with its address. Its certificate is authority.pem. */
async function startAuthority(cwd: string): Promise<string> {
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd, stdio: 'pipe' })
  writeFileSync(join(cwd, 'authority.cnf'), SETTINGS)
  writeFileSync(join(cwd, 'serial'), '01\n')
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=authority', '-days', '2'],
    ...['-addext', 'extendedKeyUsage=critical,timeStamping', '-addext', 'keyUsage=critical,digitalSignature'],
    ...['-keyout', 'authority.key', '-out', 'authority.pem'],
  )
  const url = await startScript(async (request, response) => {
    writeFileSync(join(cwd, 'asked.tsq'), await buffer(request))
    openssl('ts', '-reply', '-config', 'authority.cnf', '-queryfile', 'asked.tsq', '-out', 'given.tsr')
    response.setHeader('Content-Type', 'application/timestamp-reply')
    response.end(readFileSync(join(cwd, 'given.tsr')))
  })
  return `${url}/`
}

/** The commands of the document that ask an authority for a stamp, and verify it. */
function readCommands(authority: string): string[] {
  const lines = readFileSync(DOCUMENT, 'utf8').split('\n')
  const commands = lines.filter((line) => /^ {4}(openssl ts|curl .*timestamp-query)/.test(line))
  return commands.map((line) => line.trim().replace('https://AUTHORITY/', authority))
}

it('a time stamp of a tree is asked for and verified as the document says, and is of every byte', async () => {
  const { cwd } = createStageWith({ 'files/notes.txt': 'hello\n' })
  const vouch = async (...args: readonly string[]) => (await finish(startVouch(args, cwd))).status
  const tree = '2026-11-30.tree'
  expect(await vouch('key', 'generate', 'mine.key', '--origin', 'mine.example')).toBe(0)
  const source = ['--replica', 'a=files', '--index', 'index', '--sign', 'mine.key']
  expect(await vouch('receipt', 'tree', '-o', tree, ...source)).toBe(0)
  const commands = readCommands(await startAuthority(cwd))
  expect(commands).toHaveLength(3)
  // Not by spawnSync: the authority answers in this process.
  for (const command of commands.slice(0, 2)) {
    const child = spawn('sh', ['-c', command], { cwd, stdio: 'ignore' })
    expect(await new Promise((resolve) => child.once('exit', resolve)), command).toBe(0)
  }
  const verify = () => spawnSync('sh', ['-c', commands[2] ?? ''], { cwd, encoding: 'utf8' })
  expect(verify().status).toBe(0)
  writeFileSync(
    join(cwd, tree),
    readFileSync(join(cwd, tree), 'utf8').replace('mine.example', 'Mine.example'),
  )
  expect(verify().status).not.toBe(0)
})
