#!/usr/bin/env bash
# Tornado's strong entity tag is the SHA-512 of a file, and stays that of the first content until the server
# is started again.
#
# Version: Debian 12's python3-tornado 6.2.0, StaticFileHandler with its defaults (no debug mode),
# on Python 3.
# Expected: the tag is a digest of the content, so another content has another tag; a digest that is
# remembered is tied to the file's size and time, which the handler asks for at each request anyway.
# Seen: the digest is remembered by the path alone. A file of another size, of a later time, behind a rename
# goes out under the tag of the old one, beside its own Content-Length and Last-Modified. A client that
# holds the old bytes gets 304 for as long as the process runs.
#
# Prints what was seen; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download python3-tornado=6.2.0-3+deb12u4
dpkg -x ./*.deb root
mkdir www
echo 'the first content' >www/file
touch -d 2020-02-02T02:02:02Z www/file

cat >serve.py <<'EOP'
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

sockets = bind_sockets(0, '127.0.0.1')
server = HTTPServer(Application([('/(.*)', StaticFileHandler, {'path': 'www'})]))
server.add_sockets(sockets)
with open('port', 'w') as file:
    print(sockets[0].getsockname()[1], file=file)
IOLoop.current().start()
EOP
PYTHONPATH=root/usr/lib/python3/dist-packages python3 serve.py >log 2>&1 &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done

ask() { # ask OPTION...: the status, length and date; leaves the tag and the body in files
  curl -s -D head -o body "$@" "http://127.0.0.1:$(cat port)/file"
  tr -d '\r' <head | awk 'tolower($1) == "etag:" { print $2 }' >tag
  tr -d '\r' <head | awk 'NR == 1 { print $2 } tolower($1) ~ /^(content-length|last-modified):$/' | paste -sd ' '
}
of() { printf '"%s"' "$(sha512sum "$1" | cut -d' ' -f1)"; }
short() { cut -c 1-13 "$1"; }

ask
before=$(cat tag)
echo "  tag $(short tag)…, body '$(cat body)'"
[ "$before" = "$(of www/file)" ]
echo 'a later content, and a longer one' >www/new
mv www/new www/file
ask
echo "  tag $(short tag)…, body '$(cat body)', whose digest is $(of body | cut -c 1-13)…"
after=$(cat tag)
[ "$(cat body)" = 'a later content, and a longer one' ]
[ "$before" = "$after" ]
ask -H "If-None-Match: $before"
held=$(awk 'NR == 1 { print $2 }' head)
echo "If-None-Match with the old tag: $held"
[ "$held" = 304 ]
