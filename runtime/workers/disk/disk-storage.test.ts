import { describe, expect, it } from 'vitest'
import type { Storage } from '../../../functions/storage/storage.ts'
import { createHasher } from '../../node/hasher.ts'
import { createDiskStorage } from './disk-storage.ts'

// tests/stores/disk-storage.test.ts runs the suite on workerd's own disk service.

/** A storage over a disk service that answers each path as given here, and others with 404. */
function createStorage(answers: Record<string, () => Response>): Storage {
  const fetch = async (input: Request | string) => {
    const path = decodeURIComponent(new URL(input instanceof Request ? input.url : input).pathname)
    return answers[path]?.() ?? new Response('Not Found', { status: 404 })
  }
  return createDiskStorage({ fetch }, { createHasher })
}

function toListing(entries: Record<string, string>): () => Response {
  return () => Response.json(Object.entries(entries).map(([name, type]) => ({ name, type })))
}

function fail(): Response {
  throw new Error('internal error; reference = x')
}

const describeOne = async (storage: Storage, name: string) => (await storage.describe([name])[0]) ?? null

describe('a disk service', () => {
  it.each([
    ['has no root', undefined],
    ['throws', fail],
    ['answers with 500', () => new Response('', { status: 500 })],
    ['answers with a file for its root', () => new Response('[]')],
  ])('that %s is unreachable, not empty', async (_, root) => {
    const storage = createStorage(root ? { '/': root } : {})
    await expect(describeOne(storage, 'a')).rejects.toMatchObject({ code: 'unreachable' })
    await expect(storage.open('a/b')).rejects.toMatchObject({ code: 'unreachable' })
    await expect(storage.list()).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('that fails for one file or directory makes only that unreadable', async () => {
    const storage = createStorage({
      '/': toListing({ bad: 'file', folder: 'directory', gone: 'file' }),
      '/bad': fail,
      '/folder': fail,
    })
    const answers = await Promise.allSettled(storage.describe(['bad', 'folder/a', 'gone', 'none']))
    expect(answers).toMatchObject([
      { reason: { code: 'unreadable' } },
      { reason: { code: 'unreadable' } },
      { value: null },
      { value: null },
    ])
    await expect(storage.list()).rejects.toMatchObject({ code: 'unreadable' })
  })

  it('is never asked for names that its listings do not report as files', async () => {
    const asked: string[] = []
    const kinds = {
      link: 'symlink',
      pipe: 'namedPipe',
      dev: 'blockDevice',
      odd: 'whiteout',
      folder: 'directory',
    }
    const storage = createStorage(
      new Proxy<Record<string, () => Response>>(
        { '/': toListing(kinds), '/folder': toListing({}) },
        {
          get: (answers, path) => {
            asked.push(String(path))
            return answers[String(path)]
          },
        },
      ),
    )
    await Promise.allSettled(
      storage.describe([...Object.keys(kinds), 'link/x', 'folder/x', '../x', 'none/x']),
    )
    expect(new Set(asked)).toEqual(new Set(['/', '/folder']))
  })
})
