import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import { createTemporaryDirectory } from '../../runtime/node/temporary-directory.suite.ts'

const CASES = 200

/** Contents that are hard to parse: line ends, boundaries, empty lines, bytes that are not text. */
const piece = fc.constantFrom(
  '\r\n',
  '\n',
  '--',
  '--vouch-',
  'Content-Type: x',
  '\0',
  '\xff',
  ' ',
  'a',
  '\r\n\r\n',
)
const content = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))
const contents = fc.uniqueArray(content, {
  minLength: 2,
  maxLength: 5,
  selector: (one) => one.toString('latin1'),
})

const PARSE = `
import email.parser, email.policy, glob, hashlib, json, sys
out = []
for path in sorted(glob.glob(sys.argv[1] + "/*")):
    whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(open(path, "rb").read())
    parts = list(whole.iter_parts())
    out.append({"defects": len(whole.defects) + sum(len(p.defects) for p in parts),
                "digests": [hashlib.sha256(p.get_payload(decode=True)).hexdigest() for p in parts[1:]]})
print(json.dumps(out))`

it("Python's parser reads a conflict of any contents byte for byte", async () => {
  const { path: directory, remove } = createTemporaryDirectory('vouch-multipart-')
  try {
    const expected: string[][] = []
    for (const [i, versions] of fc.sample(contents, CASES).entries()) {
      const replicas = versions.map((bytes, j) => ({
        id: `r${j}`,
        storage: createMemoryStorage({ 'f.txt': bytes }),
      }))
      const headers = { Accept: 'multipart/mixed' }
      const response = await createCoordinator(replicas, { createHasher }).request('/files/f.txt', {
        headers,
      })
      const head = `Content-Type: ${response.headers.get('Content-Type')}\r\n\r\n`
      const message = Buffer.concat([Buffer.from(head), Buffer.from(await response.arrayBuffer())])
      writeFileSync(join(directory, String(i).padStart(5, '0')), message)
      expected.push(versions.map((bytes) => createHash('sha256').update(bytes).digest('hex')))
    }
    const said = execFileSync('python3', ['-c', PARSE, directory], { encoding: 'utf8' })
    expect(JSON.parse(said)).toEqual(expected.map((digests) => ({ defects: 0, digests })))
  } finally {
    remove()
  }
})
