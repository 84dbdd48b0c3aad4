import { expect, it } from 'vitest'
import { parseToken } from './tokens.ts'

const TOKEN = 'abcdefghijklmnop'
const toBasic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

it.each([
  [`Bearer ${TOKEN}`, true],
  [`bearer  ${TOKEN} `, true],
  [toBasic(`anybody:${TOKEN}`), true],
  [toBasic(`:${TOKEN}`), true],
  [toBasic(TOKEN), false],
  [toBasic(`${TOKEN}:`), false],
  [toBasic(`a:b:${TOKEN}`), false],
  [toBasic('a:wrong'), false],
  [`Basic ${TOKEN}`, false],
  ['Basic %%%', false],
  [`Bearer ${TOKEN}x`, false],
  [`Digest ${TOKEN}`, false],
  [TOKEN, false],
  ['', false],
  [null, false],
])('a token is accepted as a bearer token or as a password: %j: %s', (field, isAllowed) => {
  expect(parseToken('VOUCH_TOKEN', TOKEN).allow(field)).toBe(isAllowed)
})
