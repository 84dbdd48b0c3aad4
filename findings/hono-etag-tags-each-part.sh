#!/usr/bin/env bash
# hono/etag gives each part of a file a strong entity tag of its own, and HEAD none.
#
# Versions: hono 4.13.19 (hono/etag), @hono/node-server 2.1.9 (serveStatic), on Node 24.
# Expected (RFC 9110 §8.8, §15.3.7): the tag of a 206 is that of the whole file, so that the parts of one
# content are known to belong together, and If-Range and If-Match can name it.
# Seen: the tag is the SHA-1 of the bytes of each answer. A client that compares tags before it joins two
# parts never joins any, and one that asks for a part again, with If-None-Match and the tag of that part, is
# told 304 when the file has changed elsewhere. HEAD, for which serveStatic has no body, gets no tag: a client
# that looks before and after a read sees a change.
#
# Prints status and tag of each answer; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" hono@4.13.19 @hono/node-server@2.1.9 >/dev/null
mkdir www
printf 0123456789 >www/file
cat >server.mjs <<'EOP'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { etag } from 'hono/etag'

const app = new Hono().use(etag()).use(serveStatic({ root: './www' }))
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(port))
EOP
exec {answer}< <(exec node --no-warnings server.mjs)
server=$!
read -r port <&"$answer"

ask() { # ask CURL-OPTION...: "STATUS TAG"
  local status
  status=$(curl -s -o /dev/null -D fields -w '%{http_code}' "$@" "http://127.0.0.1:$port/file")
  echo "$status $(tr -d '\r"' <fields | awk 'tolower($1) == "etag:" { print $2 }')"
}
sha1() { sha1sum | cut -d' ' -f1; }

whole=$(ask)
head=$(ask --head)
first=$(ask -r 0-4)
second=$(ask -r 5-9)
echo "GET:             $whole"
echo "HEAD:            ${head}no tag"
echo "GET bytes=0-4:   $first"
echo "GET bytes=5-9:   $second"
printf 01234CHANGED >www/file
again=$(ask -r 0-4 -H "If-None-Match: \"${first#* }\"")
echo "GET bytes=0-4 If-None-Match of its tag, after a change of the end: $again"
[ "$whole" = "200 $(printf 0123456789 | sha1)" ] && [ "$head" = '200 ' ] &&
  [ "$first" = "206 $(printf 01234 | sha1)" ] && [ "$second" = "206 $(printf 56789 | sha1)" ] &&
  [ "$again" = "304 ${first#* }" ]
