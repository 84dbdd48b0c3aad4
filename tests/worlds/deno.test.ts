import { DENO } from './deno.suite.ts'
import { describeProcesses } from './processes.suite.ts'

describeProcesses('on Deno, over replica servers on Node', {
  coordinator: DENO,
  hasDirectory: false,
  replica: [],
})
