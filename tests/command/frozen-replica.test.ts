import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { finish, type ServerProcess, startServer, startVouch } from '../../runtime/cli/process.suite.ts'
import { createDirectory } from '../../runtime/cli/stage.suite.ts'

const directory = createDirectory()
const IDS = ['a', 'b', 'frozen']
/**
 * In seconds; the second is the upper end of a bucket of the metrics, above which only whole deadlines lie.
 */
const [SILENCE, NEARLY_SILENCE] = [3, 2.5]

/** All that run, the replicas first. */
const servers: ServerProcess[] = []
let coordinator: ServerProcess

beforeAll(async () => {
  for (const id of IDS) {
    mkdirSync(join(directory, id))
    writeFileSync(join(directory, id, 'f.txt'), id === 'frozen' ? 'a' : id)
  }
  for (const id of IDS) servers.push(await startServer(['replica', id], directory))
  const words = servers.flatMap(({ url }, i) => ['--replica', `${IDS[i]}=${url}`])
  const flags = ['--silence-timeout', String(SILENCE), '--log', 'json']
  coordinator = await startServer(['coordinator', ...words, ...flags], directory)
  servers.push(coordinator)
})

afterAll(async () => {
  for (const server of servers) await server.stop()
})

/**
 * How many questions the coordinator has sent to the replica `frozen`, and how many cost a whole deadline.
 */
async function countQuestions(): Promise<{ asked: number; waited: number }> {
  const metrics = await (await fetch(`${coordinator.url}/metrics`)).text()
  const count = (line: string) => {
    const at = metrics.split('\n').find((one) => one.startsWith(`vouch_replica_request_seconds_${line} `))
    if (at === undefined) throw new Error(`no metric ${line}`)
    return Number(at.split(' ').at(-1))
  }
  const asked = count('count{replica="frozen"}')
  return { asked, waited: asked - count(`bucket{le="${NEARLY_SILENCE}",replica="frozen"}`) }
}

it('get of a conflict waits for a frozen replica once, and reports it when it is back', async () => {
  const frozen = servers[2]
  if (frozen === undefined) throw new Error('no replica to freeze')
  process.kill(frozen.pid, 'SIGSTOP')
  const { status, said } = await finish(
    startVouch(['get', 'f.txt', '--coordinator', coordinator.url], directory),
  )
  expect([status, said[1]]).toEqual([
    1,
    'f.txt: conflict: a ≠ b\n' +
      'warning: f.txt: frozen did not answer: the replica was silent for 3 seconds\n' +
      'wrote a_version.txt (1 B), held by a\n' +
      'wrote b_version.txt (1 B), held by b\n' +
      'wrote .vouch-conflict.json, the list of these versions\n',
  ])
  expect(['a', 'b'].map((id) => readFileSync(join(directory, `${id}_version.txt`), 'utf8'))).toEqual([
    'a',
    'b',
  ])
  // One question for each of the three reads, of which the first alone waited for its deadline.
  expect(await countQuestions()).toEqual({ asked: 3, waited: 1 })

  process.kill(frozen.pid, 'SIGCONT')
  const response = await fetch(`${coordinator.url}/files/f.txt`, { method: 'HEAD' })
  expect(response.headers.get('Replica-Agreement')).toBe('conflict;answered=3;of=3')
  expect((await countQuestions()).waited).toBe(1)
})
