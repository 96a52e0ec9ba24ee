#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_full.sh: what a full table refuses, line by line, and that deleted servers do not fill it.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

V=192.0.2.80
servers() { for ((n = $1; n <= $2; n++)); do echo "-$3 -t $V:80 -r 198.51.100.$n:80"; done; }
listed() { director ipvsadm -Ln | grep -c "$1" || true; }

director_alone
director xlvs attach eth0 --conns 1000 --services 16 --servers 10
director ipvsadm -A -t $V:80 -s rr
for first in 1 11 21; do
	servers $first $((first + 9)) a | director ipvsadm -R
	equal "servers from $first" 10 "$(listed '198.51.100')"
	servers $first $((first + 9)) d | director ipvsadm -R
done
for name in 81 82 83; do
	rules=$(echo "-A -t $V:$name -s rr" && for n in 1 2 3 4 5; do echo "-a -t $V:$name -r 198.51.100.$n:80"; done)
	says 0 '' director ipvsadm-restore <<<"$rules"
	equal "servers after the restore with port $name" 5 "$(listed '198.51.100')"
done
director ipvsadm -C

said=$(for n in {1..20}; do echo "-A -t $V:$n -s rr"; done | director ipvsadm -R 2>&1 || true)
equal 'services of 20 in a table for 16' 16 "$(listed ^TCP)"
equal 'lines refused' 4 "$(grep -c 'the table is full (16 services)' <<<"$said")"
says 255 'cannot add service TCP 192.0.2.80:20: the table is full (16 services)' director ipvsadm -A -t $V:20
director xlvs detach
finish_alone
