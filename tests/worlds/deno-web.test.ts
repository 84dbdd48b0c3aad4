import { hasProgram } from '../operating/operating.suite.ts'
import { DENO } from './deno.suite.ts'
import { describeIndex } from './hosts.suite.ts'
import { describeProcesses } from './processes.suite.ts'

if (hasProgram('nginx', 'web servers, asked from Deno')) {
  describeProcesses('on Deno, over nginx', { coordinator: DENO, hasDirectory: false, replica: null })
}

describeIndex('on Deno', DENO)
