#!/bin/sh
# Writes packed/: a small table in several pieces, as tools for many threads write it.
# Usage, in this directory: ./packed.sh
set -e
awk 'BEGIN { print "id,square,name"; for (id = 0; id < 1500; id++) print id "," id * id ",Zoë" }' > packed/rows.csv
xz --threads=2 --block-size=8KiB -0 --stdout packed/rows.csv > packed/rows.csv.xz
pzstd --quiet --processes 2 --stdout packed/rows.csv > packed/rows.csv.zst
(head -c 10000 packed/rows.csv | bzip2; tail -c +10001 packed/rows.csv | bzip2 -1) > packed/rows.csv.bz2
