import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isInstalled } from '../operating/operating.suite.ts'
import { CASES, type Case, runCase } from './cases.suite.ts'
import { type Address, CLIENTS, type Client } from './programs.suite.ts'
import { openStage, type Stage } from './stage.suite.ts'
import { listRows, type Results, toKey, toPage } from './table.suite.ts'

// `npm run test:clients` requires every program, and writes docs/clients.md.

const PAGE = join(import.meta.dirname, '../../docs/clients.md')
const isWriting = process.env['VOUCH_CLIENTS'] !== undefined

/** What a cut body comes to in programs that take what they got for the whole, and succeed. */
const TAKE_SHORT_BODIES = ['axel -n4', 'wget2 -c', 'wget2 --chunk-size=1M']

const missing = CLIENTS.filter(({ program, module }) => {
  const isModuleHere = module === undefined || globSync(module).length > 0
  return !isModuleHere || !isInstalled(program)
})
const packages = [...new Set(missing.map(({ debian }) => debian))]
if (missing.length > 0 && isWriting)
  throw new Error(`npm run test:clients needs every program: apt-get install ${packages.join(' ')}`)
if (missing.length > 0) console.warn(`NOT TESTED without ${packages.join(', ')}`)
const rows = listRows(isWriting ? CLIENTS : CLIENTS.filter((client) => !missing.includes(client)))

/** Whether a client is given the pinned address although it asks again for each part. */
function asksAgain({ addresses }: Client, address: Address): boolean {
  return address === 'pinned' && addresses.includes('version')
}

/** What a content that the copies agree on comes to. */
function toExpected(client: Client, address: Address): RegExp {
  return asksAgain(client, address) || client.isRefused ? /^error/ : /^right$/
}

describe('clients of other people', () => {
  let stage: Stage
  const results: Results = new Map()

  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage?.close())

  async function run(client: Client, address: Address, which: Case): Promise<string> {
    const result = await runCase(stage, client, address, which)
    results.set(toKey(client, address, which), result)
    return result
  }

  describe.each(rows)('$client.name, given the $address address', ({ client, address }) => {
    const gets = asksAgain(client, address)
      ? 'fails, for it asks the address again for each part'
      : 'gets what the copies agree on'

    it(gets, async () => {
      expect(await run(client, address, 'agreeing')).toMatch(toExpected(client, address))
    })

    it('gets nothing where the copies differ', async () => {
      expect(await run(client, address, 'conflict')).toMatch(/^(error|no address|nothing|does not end)/)
    })

    it.each(['changed between ranges', 'changed before resume'] as const)(
      'mixes nothing, and takes no part for the whole: %s',
      async (which) => {
        expect(await run(client, address, which)).toMatch(/^(right|error|asks once|starts over|does not end)/)
      },
    )

    it('with a body that is cut ends right, or fails', async () => {
      const takesShort = TAKE_SHORT_BODIES.includes(client.name)
      expect(await run(client, address, 'cut body')).toMatch(
        takesShort ? /^(short|right|error|does not end)/ : /^(right|error|does not end)/,
      )
    })
  })

  describe('with one replica down', () => {
    beforeAll(() => stage.stopReplica())

    it.each(rows)('$client.name, given the $address address, gets the file', async ({ client, address }) => {
      expect(await run(client, address, 'replica down')).toMatch(toExpected(client, address))
    })
  })

  it('docs/clients.md has a row for each', () => {
    if (isWriting) writeFileSync(PAGE, toPage(CLIENTS, results))
    const page = readFileSync(PAGE, 'utf8')
    for (const { client, address } of listRows(CLIENTS))
      expect(page).toContain(`| \`${client.name}\` | ${address} |`)
    expect(results.size).toBe(rows.length * CASES.length)
  })
})
