#!/usr/bin/env bash
# rclone's hasher backend gives the SHA-256 of a content that is gone.
#
# Version: Debian 12's rclone 1.60.1+dfsg-2+b5.
# Expected: hashes that hasher remembers go with the file's identity; on a local disk that has a change time, a file
# that was written since is hashed again.
# Seen: it remembers by size and modification time alone. After a change of the same size that keeps the time (`cp -p`,
# `rsync -t`), hashsum prints the old SHA-256; with the plain path beside it, the right one.
#
# Prints all three; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root
rclone() { root/usr/bin/rclone --config "$folder/rclone.conf" --cache-dir "$folder/cache" "$@"; }
mkdir files
cat >rclone.conf <<EOC
[remembering]
type = hasher
remote = $folder/files
hashes = sha256
max_age = off
EOC
sum() { rclone hashsum sha256 "$1" | cut -d' ' -f1; }

printf 'old bytes' >files/file
touch -d 2020-02-02T02:02:02Z files/file
before=$(sum remembering:)
printf 'new bytes' >files/file
touch -d 2020-02-02T02:02:02Z files/file
after=$(sum remembering:)
plain=$(sum "$folder/files")

echo "by hasher, before the change: $before"
echo "by hasher, after the change:  $after"
echo "of the directory itself:      $plain"
[ "$before" = "$after" ] && [ "$plain" = "$(sha256sum <files/file | cut -d' ' -f1)" ] && [ "$after" != "$plain" ]
