import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readResult } from '../../functions/coordinator/audit/audit.suite.ts'
import { coordinate } from '../../functions/coordinator/set-up.suite.ts'
import { toSiblingNames } from '../../functions/storage/lists/formats/bagit.ts'
import { createRecording, type Recording } from '../../functions/storage/lists/lists.suite.ts'
import { createMemoryStorage } from '../../functions/storage/memory.ts'
import { findFault } from '../../functions/storage/names.ts'
import type { Storage } from '../../functions/storage/storage.ts'
import { createDescribeSums } from '../../functions/storage/sums.ts'
import { StorageError, settle } from '../../functions/wire/storage-error.ts'
import { createSum } from '../../runtime/hosting/stores/sums.ts'
import { createHasher } from '../../runtime/node/hasher.ts'
import {
  createTemporaryDirectory,
  type TemporaryDirectory,
} from '../../runtime/node/temporary-directory.suite.ts'
import {
  AWKWARD,
  INVALID,
  type Outcome,
  plantTree,
  toContent,
  WRITERS,
  type Writer,
  write,
} from './writers.suite.ts'

let tree: TemporaryDirectory
let own: TemporaryDirectory
beforeAll(() => {
  tree = createTemporaryDirectory()
  own = createTemporaryDirectory()
  plantTree(tree.path)
})
afterAll(() => {
  tree.remove()
  own.remove()
})

const describeSums = createDescribeSums({ createHasher, createSum })

function open(writer: Writer, bytes: Uint8Array, storages: readonly Storage[]): Recording {
  const { name, format, isBag = false } = writer
  const beside = isBag ? toSiblingNames(name).map((name) => [name, join(own.path, 'bag', name)] as const) : []
  const found = beside
    .filter(([, path]) => existsSync(path))
    .map(([name, path]) => [name, readFileSync(path)] as const)
  const file = { name, bytes, siblings: new Map(found), version: '1', modified: null }
  const read = async (known: string | null) => (known === null ? file : null)
  const options = { format, root: isBag ? 'data' : undefined }
  return createRecording({ read }, options, { storages, describeSums })
}

/** The files of the tree with valid names, each with one byte more in front if they are changed. */
function createCopies(isChanged: boolean) {
  const files = AWKWARD.map((name) => [
    name,
    Buffer.concat([Buffer.from(isChanged ? 'x' : ''), toContent(name)]),
  ])
  return createMemoryStorage(Object.fromEntries(files))
}

/** What the list says of each name of the tree. */
async function observe(list: Recording): Promise<Record<string, Outcome | string>> {
  const answers = await Promise.all(list.describe(AWKWARD).map(settle))
  const valid = answers.map((said, i): Outcome | string => {
    if (said === null) return 'absent'
    if (said instanceof StorageError)
      return said.code === 'unreadable' && /\w/.test(said.message) ? 'refused' : said.code
    return said.digest ===
      createHash('sha256')
        .update(toContent(AWKWARD[i] ?? ''))
        .digest('hex')
      ? 'read'
      : said.digest
  })
  const { passed = [] } = await list.list()
  const invalid = INVALID.map((name) => {
    const kinds = [findFault(name), 'other']
    return kinds.some((kind) => passed.some((one) => one.kind === kind)) ? 'passed' : 'absent'
  })
  return Object.fromEntries(
    [...AWKWARD, ...INVALID].map((name, i) => [name, [...valid, ...invalid][i] ?? '']),
  )
}

describe.each(WRITERS)('$title', (writer) => {
  it('reads each name right, or refuses it in words, and finds each changed byte', async () => {
    const bytes = write(writer, tree.path, own.path)
    const copies = createCopies(false)
    const list = open(writer, bytes, [copies])
    if (writer.refusal !== undefined) return await expect(list.readRecord()).rejects.toThrow(writer.refusal)
    const expected = Object.fromEntries([
      ...AWKWARD.map((name) => [name, 'read']),
      ...INVALID.map((name) => [name, 'passed']),
      ...Object.entries(writer.except ?? {}),
    ])
    expect(await observe(list)).toEqual(expected)
    const right = AWKWARD.filter((name) => expected[name] === 'read').sort()
    const same = await audit([copies, list])
    expect(
      same
        .filter(({ agreement }) => agreement === 'unanimous')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(right)
    expect(same.filter(({ agreement }) => agreement === 'conflict')).toEqual([])
    // What the list has beside the names of the tree would be a name that was read wrong.
    expect(same.filter(({ name, versions }) => versions.length > 0 && !AWKWARD.includes(name))).toEqual([])
    const changed = createCopies(true)
    const differing = await audit([changed, open(writer, bytes, [changed])])
    expect(
      differing
        .filter(({ agreement }) => agreement === 'conflict')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(right)
    expect(differing.filter(({ agreement }) => agreement === 'unanimous')).toEqual([])
  })
})

async function audit(storages: readonly Storage[]) {
  const response = await coordinate(storages, { createHasher }).request('/audit?all')
  return (await readResult(response)).manifests
}
