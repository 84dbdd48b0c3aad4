import { expect, it } from 'vitest'
import { startEmulator } from '../../emulator/emulator.ts'
import { compareNames } from '../../functions/storage/names.ts'
import { createRemoteStorage } from '../../functions/storage/remote/remote.ts'
import type { Entry } from '../../functions/storage/storage.ts'
import { MAX_LISTING_PAGE } from '../../functions/wire/limits.ts'

const PAGES = 4

/** Names of all depths and alphabets, in an order that is not theirs. */
const NAMES = Array.from({ length: PAGES * MAX_LISTING_PAGE }, (_, i) => {
  const number = (i * 7919) % (PAGES * MAX_LISTING_PAGE)
  return `${['plain ', 'folder/', 'folder.', 'ein/zwei/drei-', 'é', '日本/', '😀', '\uffee'][i % 8]}${number}`
})

it('a bucket of four thousand objects is listed completely and in byte order, in four pages', {
  timeout: 300_000,
}, async () => {
  const emulator = await startEmulator({ replicas: { bucket: 'service://bucket', twin: 'r2://bucket' } })
  try {
    const bucket = await emulator.openBucket('bucket')
    for (let i = 0; i < NAMES.length; i += 100) {
      await Promise.all(NAMES.slice(i, i + 100).map((name) => bucket.put(name, name)))
    }
    const storage = createRemoteStorage(`${emulator.url}/~bucket`)
    const pages: (readonly Entry[])[] = []
    for (let after: string | null = ''; after !== null; ) {
      const { entries, next }: Awaited<ReturnType<typeof storage.list>> = await storage.list({ after })
      pages.push(entries)
      after = next
    }
    const sorted = [...NAMES].sort(compareNames)
    expect(pages.flat().map(({ name }) => name)).toEqual(sorted)
    expect(pages.map((page) => page.length)).toEqual(Array(PAGES).fill(MAX_LISTING_PAGE))
    // The same, through the binding of the coordinator and merged with the other.
    const merged: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page = await (await emulator.fetch(`/files?after=${encodeURIComponent(after)}`)).json()
      for (const { name, copies } of page.entries) {
        expect(copies).toHaveLength(2)
        merged.push(name)
      }
      after = page.next
    }
    expect(merged).toEqual(sorted)
  } finally {
    await emulator.close()
  }
})
