import { expect, it } from 'vitest'
import type { Facts } from '../../storage/facts.ts'
import type { Storage } from '../../storage/storage.ts'
import { createCorruptCopies } from '../compare/corrupt-copies.ts'
import { gather } from './gather.ts'
import { createMember } from './member.ts'

const corruptCopies = createCorruptCopies()

/** Two members that ask at the end of a turn, and answer each question with its number as the digest. */
function start() {
  const works: (() => void)[] = []
  const end = () => {
    for (const work of works.splice(0)) work()
  }
  const toMember = (id: string) => {
    let asked = 0
    const describe = (names: readonly string[]) => {
      const facts: Facts = { size: 1, digest: `${id}${++asked}`, modified: null, evidence: 'read', age: 0 }
      return names.map(async () => facts)
    }
    const storage = { describe } as Pick<Storage, 'describe'> as Storage // nothing else of it is called
    return createMember({ id, storage }, { defer: (work) => void works.push(work) })
  }
  return { members: [toMember('a'), toMember('b')], end }
}

const toDigests = async (answers: ReturnType<typeof gather>) =>
  (await answers).map(({ said }) => said && 'digest' in said && said.digest)

it('reads that share the question to every member get the same answers', async () => {
  const { members, end } = start()
  const reads = ['x', 'x', 'y'].map((name) => gather({ members, name, corruptCopies }))
  end()
  const [one, same, other] = await Promise.all(reads)
  expect(one?.map(({ id }) => id)).toEqual(['a', 'b'])
  expect(same).toBe(one)
  expect(other).not.toBe(one)
})

it('a read that shares only the question to the first member gets the other answers to its own', async () => {
  const { members, end } = start()
  const [a, b] = members
  if (a === undefined || b === undefined) throw new Error('there are two members')
  const together = gather({ members: [a, b], name: 'x', corruptCopies })
  const alone = gather({ members: [a], name: 'x', corruptCopies })
  const later = { ...b, ask: () => b.ask('x', { maxAge: 9 }) }
  const own = gather({ members: [a, later], name: 'x', corruptCopies })
  end()
  expect(await toDigests(together)).toEqual(['a1', 'b1'])
  expect(await toDigests(alone)).toEqual(['a1'])
  expect(await toDigests(own)).toEqual(['a1', 'b2'])
})

it('a read after the answers asks again', async () => {
  const { members, end } = start()
  const read = () => {
    const answers = gather({ members, name: 'x', corruptCopies })
    end()
    return toDigests(answers)
  }
  expect(await read()).toEqual(['a1', 'b1'])
  expect(await read()).toEqual(['a2', 'b2'])
})
