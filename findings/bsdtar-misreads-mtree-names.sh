#!/usr/bin/env bash
# bsdtar refuses a list of NetBSD's mtree, or reads names in it that no file has.
#
# Versions: Debian 12's mtree-netbsd 20180822-7 and libarchive 3.6.2 (bsdtar).
# Expected: bsdtar reads the format that mtree writes; it writes lists itself that mtree reads.
# Seen: mtree writes names in the style of vis(3): `\#` for a number sign, `\M-C\M-)` for an e with an acute
# accent. libarchive knows octal escapes and those of C. For the accent it says "Unrecognized archive format";
# with a first line `#mtree` added it lists `a\#b` and `\M-C\M-)`, each with the backslash in it, and exits
# with 0. The way back is right: octal in both.
#
# Prints what was read; exits 1 if that is no longer so.
set -euo pipefail
export LC_ALL=C.UTF-8

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download mtree-netbsd=20180822-7 \
  libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
mtree=$folder/root/usr/bin/mtree bsdtar=$folder/root/usr/bin/bsdtar

mkdir tree
touch tree/{plain,'a#b',$'\u00e9'}
"$mtree" -c -k type,size -p tree >list
plain=$("$bsdtar" -tf list 2>&1) && plain="$plain, exit 0" || plain="exit $?"
(echo '#mtree' && cat list) >signed
signed=$("$bsdtar" -tf signed | paste -sd ' ')
echo "as mtree wrote it: $plain"
echo "with #mtree before it: $signed"

"$bsdtar" -cf back --format=mtree --options='!all,type,size' -C tree .
back=$("$mtree" -f back -p tree) && back="${back:-nothing differs}, exit 0"
echo "bsdtar's list read by mtree: $back"
# bsdtar prints a backslash of a name as two.
[ "$plain" = 'exit 1' ] && [ "$signed" = '. a\\#b plain \\M-C\\M-)' ] && [ "$back" = 'nothing differs, exit 0' ]
