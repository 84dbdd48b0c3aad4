#!/usr/bin/env bash
# An app that is bundled with hono, and loads @hono/otel from node_modules, fails every request.
#
# Version: hono 4.13.19, @hono/otel 1.1.2, @opentelemetry/api 1.9.1, esbuild 0.28.2, Node 24.21.0.
# Expected: a middleware takes the app's context as an argument, so it should not matter that the bundle holds a copy of
# hono and that @hono/otel imports another. Optional packages are commonly left out of a bundle as external.
# Seen: each request throws, and is answered by the error handler. Without a bundle, or with @hono/otel in the bundle, the
# same app answers. Output:
#   sources: 200
#   @hono/otel external: 500 Cannot read properties of undefined (reading '0')
#   @hono/otel bundled: 200
#
# Prints the three answers; exits 1 if they are no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --no-audit --no-fund \
  hono@4.13.19 @hono/otel@1.1.2 @opentelemetry/api@1.9.1 esbuild@0.28.2 node@24.21.0 >/dev/null 2>&1
cat > app.mjs <<'JS'
import { httpInstrumentationMiddleware } from '@hono/otel'
import { Hono } from 'hono'
const app = new Hono()
let reason = ''
app.onError((error, c) => {
  reason = ` ${error.message}`
  return c.text('failed', 500)
})
app.use(httpInstrumentationMiddleware())
app.get('/', (c) => c.text('hello'))
const { status } = await app.request('/')
console.log(`${status}${reason}`)
JS
node=node_modules/node/bin/node
bundle() {
  node_modules/.bin/esbuild app.mjs --bundle --format=esm --platform=node --log-level=error \
    '--external:@opentelemetry/*' --outfile="$1.mjs" "${@:2}"
}
bundle external '--external:@hono/otel'
bundle bundled
seen="sources: $("$node" app.mjs)
@hono/otel external: $("$node" external.mjs)
@hono/otel bundled: $("$node" bundled.mjs)"
echo "$seen"
test "$seen" = "sources: 200
@hono/otel external: 500 Cannot read properties of undefined (reading '0')
@hono/otel bundled: 200"
