import { hasProgram } from '../operating/operating.suite.ts'
import { describeProcesses } from './processes.suite.ts'

const bun = [process.env['VOUCH_BUN'] ?? 'bun']

if (hasProgram('nginx', 'web servers, asked from Bun')) {
  describeProcesses('on Bun, over nginx', { coordinator: bun, hasDirectory: false, replica: null })
}
