import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runGuide } from './machines/guide.ts'
import { listLacking } from './machines/machines.ts'

// Runs the commands of docs/three-vms.md on machines made for it.

const { values } = parseArgs({ options: { package: { type: 'string' }, verbose: { type: 'boolean' } } })
const lacking = listLacking()
if (lacking.length > 0) {
  console.error(`guide: this machine lacks ${lacking.join(', ')}`)
  process.exit(2)
}
const tally = await runGuide({
  package: values.package === undefined ? null : resolve(values.package),
  tell: (line) => console.log(line),
  isVerbose: values.verbose === true,
})
console.log(
  `${tally.run} blocks run in ${Math.round(tally.seconds)} s, ${tally.wrong.length} wrong, ${tally.left} not run`,
)
process.exitCode = tally.wrong.length > 0 ? 1 : 0
