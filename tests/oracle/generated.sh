#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: generated.sh BUILD: xlvs does in the recorded random scenarios what kernel IPVS did.
# Some of each kind, or with XLVS_LONG=1 (tools/test --long) all: generated/ has them packed. Those in which a difference is
# known, in later.txt, are left out, and said so.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1

if ((EUID != 0)); then
	echo 'skipped: needs root'
	exit 77
fi
all=$(mktemp -d)
work=$all
trap 'rm -rf -- "$all"' EXIT
for archive in "$here"/generated/*.tar.xz; do
	tar -xJf "$archive" -C "$work"
done
while IFS=: read -r name why; do
	if [[ $name != '#'* && -e $work/$name.scn ]]; then
		echo "left out: $name:$why"
		rm -- "$work/$name".*
	fi
done <"$here/later.txt"
if ! ((${XLVS_LONG:-0})); then
	mkdir "$work/chosen"
	mv "$work"/*-[35].* "$work/chosen"
	mv "$work"/flows-[1246789].* "$work"/flows-1[0-6].* "$work/chosen"
	# those that found a bug
	for name in flows-64 flows-638 rr-145 sed-88 wrr-26 wrr-92 lblcr-62 lblcr-125 sh-64 sh-67; do
		mv "$work/$name".* "$work/chosen"
	done
	work+=/chosen
fi
mkdir "$work/flows" # apart: their addresses are those of mixed-*
mv "$work"/flows-* "$work/flows"
status=0
for folder in "$work" "$work/flows"; do
	"$here/../../tools/oracle/replay" --reuse --bin-dir "$build" "$folder" || status=1
done
exit "$status"
