import { hasProgram } from '../operating/operating.suite.ts'
import { describeProcesses } from '../worlds/processes.suite.ts'

if (hasProgram('nginx', 'web servers, asked from Node')) {
  describeProcesses('on Node, over nginx', { coordinator: [], hasDirectory: false, replica: null })
}
