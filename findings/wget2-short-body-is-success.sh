#!/usr/bin/env bash
# wget2 takes a body that ends before its Content-Length for the whole file, and exits with 0.
#
# Versions: Debian 12's wget2 1.99.1, beside wget 1.21.3 on the same answer.
# Expected (RFC 9112 §8): a response whose connection closes before Content-Length bytes came is incomplete.
# wget says so, tries again, and exits with 4 when its tries are used up.
# Seen: wget2 keeps the 500 bytes of 1,000 as the file, without a word, a second try, or a status.
#
# Prints what each did; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download wget2=1.99.1-2.2 libwget0=1.99.1-2.2 wget=1.21.3-1+deb12u1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

cat >server.py <<'EOP'
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open("requests", "a") as requests:
            requests.write("GET\n")
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"a" * 500)
        self.close_connection = True

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
EOP
exec {answer}< <(exec python3 server.py)
server=$!
read -r port <&"$answer"

try() { # try COMMAND...: "exit STATUS, N bytes after N requests"
  local status=0
  : >requests
  timeout 60 "$@" -q -O out "http://127.0.0.1:$port/file" || status=$?
  echo "exit $status, $(stat -c %s out) bytes after $(wc -l <requests) requests"
}

old=$(try root/usr/bin/wget --tries=2)
new=$(try root/usr/bin/wget2 --tries=2)
echo "wget: $old"
echo "wget2: $new"
[[ $old == 'exit 4, '* ]] && [ "$new" = 'exit 0, 500 bytes after 1 requests' ]
