// A store that the command opens by `module:./json-store.ts?file=files.json`: a JSON object of texts by name.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { SizedFacts, Storage } from 'vouch'

export default function createStorage({ parameters }: { parameters: URLSearchParams }): Storage {
  const path = parameters.get('file')
  if (path === null) throw new Error('the address lacks ?file=PATH')

  /** Read for each question, so that an answer is of the file as it is now; a lost file is an error. */
  async function read(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
    const texts: Record<string, string> = JSON.parse(await readFile(path ?? '', 'utf8'))
    return new Map(Object.entries(texts).map(([name, text]) => [name, new TextEncoder().encode(text)]))
  }

  function toFacts(bytes: Uint8Array): SizedFacts {
    const digest = createHash('sha256').update(bytes).digest('hex')
    return { size: bytes.length, digest, modified: null, evidence: 'read', age: 0 }
  }

  return {
    describe(names) {
      const files = read()
      return names.map(async (name) => {
        const bytes = (await files).get(name)
        return bytes === undefined ? null : toFacts(bytes)
      })
    },
    async open(name, { range } = {}) {
      const bytes = (await read()).get(name)
      if (bytes === undefined) return null
      const { offset, length } = range ?? { offset: 0, length: bytes.length }
      const body = new Blob([bytes.subarray(offset, offset + length)]).stream()
      return { facts: toFacts(bytes), body }
    },
    async list({ prefix = '', after = '', limit = 1000 } = {}) {
      const files = [...(await read())].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const wanted = files.filter(([name]) => name.startsWith(prefix) && name > after)
      const entries = wanted
        .slice(0, limit)
        .map(([name, { length: size }]) => ({ name, size, modified: null }))
      return { entries, next: wanted.length > limit ? (entries.at(-1)?.name ?? null) : null }
    },
  }
}
