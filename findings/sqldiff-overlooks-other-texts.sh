#!/usr/bin/env bash
# sqldiff says that two databases are alike whose texts differ, where the column compares without regard to
# case.
#
# Version: Debian 12's sqlite3-tools 3.40.1 (sqldiff).
# Expected: every value that differs is shown, as SQL that makes the first database like the second.
# Seen: values are compared by the rules of their column. `Readme` and `README` in a column with COLLATE
# NOCASE, texts that differ in blanks at the end with RTRIM, and 1 and 1.0 in a column without a type are
# alike to it: it writes no line, counts the rows as unchanged, and exits with 0. So its output, applied to an
# old copy, leaves the old texts there. The .sha3sum of the sqlite3 shell differs. Views are not compared
# either.
#
# Prints both tables and the answer; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download sqlite3-tools=3.40.1-2+deb12u2 sqlite3=3.40.1-2+deb12u2
for package in ./*.deb; do dpkg -x "$package" root; done
make() { # make FILE VALUES: a database of one row, and a view
  root/usr/bin/sqlite3 "$1" "create table files(id integer primary key, name text collate nocase, note text collate rtrim, size);
    insert into files values(1, $2); create view sizes as select $3 from files"
}
make one "'Readme', 'x', 1" name
make two "'README', 'x  ', 1.0" size
for file in one two; do
  echo "$file: $(root/usr/bin/sqlite3 "$file" 'select quote(name), quote(note), quote(size) from files')" \
    ".sha3sum $(root/usr/bin/sqlite3 "$file" .sha3sum | cut -c 1-16)…"
done
status=0
difference=$(root/usr/bin/sqldiff one two) || status=$?
summary=$(root/usr/bin/sqldiff --summary one two)
echo "sqldiff one two: exit $status, '$difference'"
echo "sqldiff --summary one two: $summary"
[ "$status '$difference' $summary" = "0 '' files: 0 changes, 0 inserts, 0 deletes, 1 unchanged" ] &&
  [ "$(root/usr/bin/sqlite3 one .sha3sum)" != "$(root/usr/bin/sqlite3 two .sha3sum)" ]
