// Compares two replicas inside one program: no server, no socket. Prints what GET would answer for each name.
import { createCoordinator, createMemoryStorage } from 'vouch'
import { createHasher } from 'vouch/node'

const office = createMemoryStorage({ 'report.txt': 'final', 'plan.txt': 'one' })
const backup = createMemoryStorage({ 'report.txt': 'final', 'plan.txt': 'two', 'old.txt': 'kept' })

const coordinator = createCoordinator(
  [
    { id: 'office', storage: office },
    { id: 'backup', storage: backup },
  ],
  { createHasher },
)

for (const name of ['report.txt', 'plan.txt', 'old.txt', 'none.txt']) {
  const response = await coordinator.request(`/files/${name}`)
  console.log(`${name}: ${response.status} ${response.headers.get('Replica-Status')}`)
  await response.body?.cancel()
}
