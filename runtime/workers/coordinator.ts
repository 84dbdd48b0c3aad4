import { createCoordinator } from '../../functions/coordinator/coordinator.ts'
import { createProblem } from '../../functions/wire/problems.ts'
import { ConfigurationError, type CoordinatorEnv, parseReplicas } from './configuration.ts'
import { createHasher } from './hasher.ts'
import { log } from './log.ts'
import { type Answer, respond } from './respond.ts'

const apps = new WeakMap<CoordinatorEnv, Answer>()

/** The app for this configuration; with a wrong one, an app that says at every request what is wrong. */
function createApp(env: CoordinatorEnv): Answer {
  try {
    const app = createCoordinator(parseReplicas(env), { createHasher, log })
    return (request) => app.fetch(request)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return () => createProblem('internal-error', error.message)
  }
}

/** The coordinator in workerd, over the replicas that the variable `REPLICAS` names. */
export default {
  async fetch(request: Request, env: CoordinatorEnv): Promise<Response> {
    const app = apps.get(env) ?? createApp(env)
    apps.set(env, app)
    return await respond(app, request)
  },
}
