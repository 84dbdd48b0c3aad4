import { expect, it } from 'vitest'
import { parseRcloneWord } from './rclone-word.ts'

it.each([
  ['rclone:nas:photos/2026/', { remote: 'nas', path: 'photos/2026' }],
  ['rclone:nas:', { remote: 'nas', path: '' }],
  ['RCLONE:my disk+1.x:/srv/a b', { remote: 'my disk+1.x', path: '/srv/a b' }],
  ['rclone:nas:/', { remote: 'nas', path: '/' }],
  ['rclone:nas:a:b', { remote: 'nas', path: 'a:b' }],
])('%s names a directory of a remote', (text, word) => {
  expect(parseRcloneWord(text)).toEqual(word)
})

it.each([
  'rclone:nas',
  'rclone:',
  'rclone::sftp,host=example,pass=secret:photos',
  'rclone:nas,pass=secret:photos',
  'rclone:nas:../photos',
  'rclone:nas:a]b',
  'rclone:nas:a\nb',
  'rclone: nas:a',
  'rclone:-nas:a',
])('%j is not valid', (text) => {
  expect(parseRcloneWord(text)).toBeNull()
})
