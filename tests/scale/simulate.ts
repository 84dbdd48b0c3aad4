import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    names: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    by: { type: 'string', default: 'paid spans' },
  },
})
const by = (['names', 'paid spans', 'spans'] as const).find((one) => one === values.by)
if (by === undefined) throw new Error(`--by takes names, paid spans or spans, got ${values.by}`)
const names = Number(values.names)
const begun = performance.now()
await simulate({
  ...{ names, seed: Number(values.seed), by },
  ...{ block: 65_536, rarity: 16, log: (line) => console.log(line) },
})
const { maxRSS, userCPUTime } = process.resourceUsage()
console.log(
  `${names} names, seed ${values.seed}: as it should be; ${Math.round((performance.now() - begun) / 1000)} s, CPU ${Math.round(userCPUTime / 1e6)} s, memory ${Math.round(maxRSS / 1024)} MiB`,
)
