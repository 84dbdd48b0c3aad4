// The coordinator as a Worker: `main` of a wrangler.toml whose variable REPLICAS names the replicas.
import { coordinator } from 'vouch/workers'

export default coordinator
