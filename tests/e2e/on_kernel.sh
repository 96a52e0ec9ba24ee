#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: on_kernel.sh SCRIPT ARG...: the same end-to-end test with real ipvsadm and kernel IPVS in user-mode Linux.
# What passes here shows that the test asks for what IPVS does, and not for what we happen to do.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${XLVS_BUILD:-$here/../../build/release}

if [[ ${1:-} == --inside ]]; then
	shift
	for module in bridge ip_vs_rr ip_vs_wrr ip_vs_wlc; do
		modprobe "$module"
	done
	exec "$here/$1.sh" "${@:2}"
fi

real=$(PATH=$PATH:/sbin:/usr/sbin type -P ipvsadm) || {
	echo 'skipped: needs the real ipvsadm (tools/install-deps oracle)'
	exit 77
}
type -P linux.uml >/dev/null || {
	echo 'skipped: needs the package user-mode-linux (tools/install-deps oracle)'
	exit 77
}

# A build whose xlvs does nothing and whose ipvsadm is the real one
stand_in=$build/tests/e2e/on_kernel
mkdir -p "$stand_in/loader" "$stand_in/ipvsadm" "$stand_in/tests/support"
cp "$build"/tests/support/xlvs_test_*.bpf.o "$stand_in/tests/support/"
ln -sf /bin/true "$stand_in/loader/xlvs"
ln -sf "$real" "$stand_in/ipvsadm/ipvsadm"
exec "$here/../../tools/oracle/uml" --timeout 170 --see "$stand_in" --env "XLVS_BUILD=$stand_in" \
	"$here/on_kernel.sh" --inside "$@"
