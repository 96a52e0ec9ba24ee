#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: on_qemu.sh [--json FILE]: the same paths, and kernel IPVS beside them, on Debian's kernel in an emulated machine
# whose clocks count its instructions: what is printed is instructions a packet, not time, and hardly varies.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${XLVS_BUILD:-$here/../../../build/release}

if [[ ${1:-} == --inside ]]; then
	for module in ip_vs_rr sch_ingress cls_bpf; do
		modprobe "$module"
	done
	exec "$here/system.sh" --rounds 2 --unit instructions --json "$ORACLE_SHARE/rows.json"
fi

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
ORACLE_ICOUNT=1 "$here/../../../tools/oracle/qemu" --timeout 550 --share "$share" --env "XLVS_BUILD=$(realpath "$build")" \
	"$here/on_qemu.sh" --inside
if [[ ${1:-} == --json ]]; then
	cp "$share/rows.json" "$2"
fi
