#!/usr/bin/env bash
# curl --etag-save keeps the entity tag of a body that was cut off, and from then on takes half a file for the
# newest.
#
# Version: Debian 12's curl 7.88.1.
# Expected: the tag is saved together with a file that arrived whole; after an exit with 18 (partial file) the
# next run fetches the file again.
# Seen: the tag is saved when the header fields come. The connection breaks in the middle of the body, curl
# exits with 18 and leaves half the file. The same command again sends If-None-Match with that tag, is told
# 304, and exits with 0, now and each time after. A loop that repeats the command until it succeeds ends with
# half a file.
#
# The server below sends half of the first body, and every other body whole. Prints the runs; exits 1 if that
# is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

cat >server.py <<'EOP'
from http.server import BaseHTTPRequestHandler, HTTPServer

bodies = 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        global bodies
        if self.headers.get("If-None-Match") == '"one"':
            self.send_response(304)
            self.send_header("ETag", '"one"')
            self.end_headers()
            return
        bodies += 1
        self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"a" * (50000 if bodies == 1 else 100000))
        self.close_connection = True

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py)
server=$!
read -r port <&"$answer"

fetch() { # fetch: "exit STATUS, answer CODE, N bytes in the file"
  local status=0 code
  code=$(root/usr/bin/curl -s --etag-compare tag --etag-save tag -o file -w '%{http_code}' "http://127.0.0.1:$port/file") || status=$?
  echo "exit $status, answer $code, $(stat -c %s file) bytes in the file"
}

first=$(fetch)
second=$(fetch)
third=$(fetch)
plain=$(root/usr/bin/curl -s "http://127.0.0.1:$port/file" | wc -c)
echo "first run:  $first"
echo "second run: $second"
echo "third run:  $third"
echo "without the tag: $plain bytes"
[ "$first" = 'exit 18, answer 200, 50000 bytes in the file' ] && [ "$plain" = 100000 ] &&
  [ "$second" = 'exit 0, answer 304, 50000 bytes in the file' ] && [ "$third" = "$second" ]
