import { serve } from '@hono/node-server'
import { Hono } from 'hono'

/** Hono's hello on @hono/node-server: what the framework costs with nothing to do. */
const app = new Hono()
app.get('/', (c) => c.text('hello'))
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}`)
})
