import { describe, expect, it } from 'vitest'
import { toAgeText, toEvidenceText, toSeenText, toSeenTexts } from './evidence.ts'

describe('how a digest is known', () => {
  it.each([
    [0, '0 seconds'],
    [1, '1 second'],
    [119, '119 seconds'],
    [120, '2 minutes'],
    [7199, '119 minutes'],
    [7200, '2 hours'],
    [172_799, '47 hours'],
    [172_800, '2 days'],
    [86_400 * 1234 + 5, '1,234 days'],
  ])('%i seconds ago is in words %s', (seconds, text) => {
    expect(toAgeText(seconds)).toBe(text)
  })

  it.each([
    ['read', 0, 'read now'],
    ['remembered', 259_200, 'read 3 days ago'],
    ['remembered', 0, 'read less than a second ago'],
    ['remembered', null, 'read earlier'],
    ['stored', null, "by the store's checksum"],
    ['recorded', 120, 'recorded 2 minutes ago'],
    ['recorded', undefined, 'recorded earlier'],
  ] as const)('%s with the age %s is in words %s', (evidence, age, text) => {
    expect(toEvidenceText(evidence, age)).toBe(text)
  })

  const none = { read: 0, remembered: 0, stored: 0, recorded: 0, oldest: null }

  it('is counted for a tree, with the age of the oldest reading that is not current', () => {
    expect(toSeenText(none)).toBe('no copy')
    expect(toSeenText({ ...none, read: 20_000, oldest: 0 })).toBe('20,000 read now')
    expect(toSeenText({ ...none, remembered: 1, oldest: 0 })).toBe('1 read earlier')
    expect(toSeenText({ ...none, remembered: 1, oldest: 1 })).toBe('1 read earlier (the oldest 1 second ago)')
    expect(toSeenText({ read: 2, remembered: 3, stored: 4, recorded: 5, oldest: 259_200 })).toBe(
      "2 read now, 3 read earlier, 4 by the store's checksum, 5 recorded earlier (the oldest 3 days ago)",
    )
  })

  it('is stated once for replicas with the same evidence', () => {
    const seen = { ...none, read: 3, oldest: 0 }
    const stored = { ...none, stored: 3 }
    const replicas = [
      { id: 'a', seen },
      { id: 's3', seen: stored },
      { id: 'b', seen },
    ]
    expect(toSeenTexts(replicas)).toEqual(['a, b: 3 read now', "s3: 3 by the store's checksum"])
  })
})
