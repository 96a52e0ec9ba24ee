#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: control.sh [--uml] [--json FILE] [--quick]: commands on a large table, in a network namespace of its own; with
# --uml in user-mode Linux, beside the real ipvsadm on kernel IPVS. control.py says what is measured.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
XLVS_BUILD=${XLVS_BUILD:-$here/../../../build/release}
XLVS_BUILD=$(realpath "$XLVS_BUILD")
export XLVS_BUILD

if [[ ${1:-} == --uml ]]; then
	real=$(PATH=$PATH:/sbin:/usr/sbin type -P ipvsadm) || {
		echo 'skipped: needs the real ipvsadm (tools/install-deps oracle)'
		exit 77
	}
	share=$(mktemp -d)
	trap 'rm -rf "$share"' EXIT
	# one machine, one namespace of it: what a system call costs in there both pay
	"$here/../../../tools/oracle/uml" --timeout 590 --memory 2048M --share "$share" --see "$XLVS_BUILD" --env "XLVS_BUILD=$XLVS_BUILD" \
		"$here/control.sh" --inside "$real" "${@:4}"
	[[ ${2:-} != --json ]] || cp "$share/rows.json" "$3"
	exit
fi
if [[ ${1:-} == --inside ]]; then
	for module in veth ip_vs_wrr; do
		modprobe "$module"
	done
	ip link add eth0 type veth peer name peer
	ip link set eth0 up
	exec "$here/control.py" --real "$2" --runs 3 --conns 100000 --listed 0 --json "$ORACLE_SHARE/rows.json" "${@:3}"
fi

# shellcheck source=tests/support/netns.sh
. "$here/../../support/netns.sh"
net_begin
ns_add director
ns_add peer
cable director eth0 peer eth0 1500
address director eth0 192.168.0.1/16
in_ns director "$here/control.py" "$@"
