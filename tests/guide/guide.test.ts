import { expect, it } from 'vitest'
import { parseBlocks } from './machines/blocks.ts'
import { runGuide } from './machines/guide.ts'
import { listLacking } from './machines/machines.ts'

const lacking = listLacking()
if (lacking.length > 0)
  console.warn(`NOT TESTED without ${lacking.join(', ')}: the commands of docs/three-vms.md`)

it.skipIf(lacking.length > 0)(
  'every command of the guide to three machines prints the shown output',
  async () => {
    const said: string[] = []
    const { run, left, wrong } = await runGuide({ package: null, tell: (line) => said.push(line) })
    console.log(said.join('\n'))
    expect(wrong).toEqual([])
    // The skipped blocks are those that download.
    expect(left).toBe(2)
    expect(run).toBeGreaterThan(15)
  },
  600_000,
)

it('a guide is parsed block by block: the machine, why one is not run, and the expected output', () => {
  const markdown = [
    ...['Text', '```sh server1', 'echo one', '```', '', '```text', 'one', '```'],
    ...['```sh client download', 'curl x', '```', 'between', '```text', 'not its output', '```'],
    ...['```ts', 'code', '```', '```sh', 'of no machine', '```'],
  ].join('\n')
  expect(parseBlocks(markdown)).toEqual([
    { machine: 'server1', mark: null, script: 'echo one\n', output: 'one\n', line: 2 },
    { machine: 'client', mark: 'download', script: 'curl x\n', output: null, line: 9 },
  ])
})
