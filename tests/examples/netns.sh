# SPDX-License-Identifier: BSD-3-Clause
# netns.sh - a pod on hosts with addresses of their own: network namespaces on one bridge. It runs, one
# node is killed, one's cable is pulled, and the others say so.
#
# All of it lies in a user, network and process namespace of its own, so that it needs no privileges,
# and nothing is left when its first process has ended, however that was. Nobody has an address on the
# bridge's side, and nothing leads outside.
# (Seen to fail: with the address of another node in the pod file; with silence never noticed.)

# --- outside: is that possible here? ---

if [ "$1" != inside ]; then
	for tool in ip unshare nsenter; do
		command -v $tool >/dev/null || {
			echo "SKIP: no $tool (Debian: iproute2, util-linux)"
			exit 77
		}
	done
	space="unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc"
	why=$($space sh -c 'ip link add bridge0 type bridge && ip link add veth0 type veth peer name veth1 &&
		unshare --net true' 2>&1) || {
		echo "SKIP: no network namespaces of one's own here: $(echo "$why" | head -n 1)"
		exit 77
	}
	exec $space sh "$0" inside
fi

. "$top_srcdir/tests/oracle/lib.sh"
. "$top_srcdir/tests/examples/processes-lib.sh"
nodes="0 1 2"

# --- hosts: 10.7.0.1 and so on; hostN is a process that holds the namespace ---

ip link add bridge0 type bridge && ip link set bridge0 up || exit 99
for node in $nodes; do
	unshare --net sleep 1000 &
	eval "host$node=$!"
	started="$started $!"
done
# in_host NODE COMMAND...
in_host()
{
	eval "host=\$host$1"
	shift
	nsenter --target "$host" --net "$@"
}
is_apart() { eval "host=\$host$1"; [ "$(readlink /proc/$host/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
for node in $nodes; do
	eventually is_apart "$node"
	eval "host=\$host$node"
	ip link add "cable$node" type veth peer name eth0 netns "$host" &&
		ip link set "cable$node" master bridge0 up &&
		in_host "$node" ip link set lo up &&
		in_host "$node" ip addr add "10.7.0.$((node + 1))/24" dev eth0 &&
		in_host "$node" ip link set eth0 up || { echo "no host $node"; exit 99; }
done

# pod PROVIDER
pod()
{
	cat >"$work/pod" <<-END
	{ "provider": "$1", "silence": 2, "memory": "1G",
	  "nodes": [ { "name": "ann", "address": "10.7.0.1:7000" },
	             { "name": "bob", "address": "10.7.0.2" },
	             { "name": "cid", "address": "10.7.0.3:7001" } ] }
	END
}
# node N ARGUMENT...: begin it where it belongs.
node()
{
	number=$1
	shift
	eval "host=\$host$number"
	nsenter --target "$host" --net timeout 60 "$mini_pod" --pod "$work/pod" --node "$number" \
		"$@" >"$work/n$number.out" 2>"$work/n$number.err" &
	eval "n$number=$!"
	started="$started $!"
}

# --- the right result, with each provider ---

make_text 60000 7 y >"$work/text"
sha256sum <"$work/text" | cut -d' ' -f1 >"$work/right"
for provider in net "tcp;ofi_rxm"; do
	pod "$provider"
	node 2
	node 0 sha256 "$work/text"
	node 1
	ends n0 0 "ann *bob *cid *total\|node 0 *node 1 *node 2 *total"
	ends n1 0
	ends n2 0
	grep -qf "$work/right" "$work/n0.out" || fail "$provider: '$(cat "$work/n0.out")'"
	awk '/^  messages / { exit !($2 > 0 && $3 > 0 && $4 > 0) }' "$work/n0.err" ||
		fail "$provider: not all took part: $(cat "$work/n0.err")"
done

# --- where no such host is ---

pod net
sed -i 's/10.7.0.1:7000/10.7.0.9:7000/; s/"silence"/"join": 2, "silence"/' "$work/pod"
node 0 sha256 "$work/text"
node 1
ends n0 2 "10.7.0.9, port 7000: Cannot assign"
ends n1 3 "node 0 (ann) can't be reached at 10.7.0.9, port 7000, since 2 s: "

# --- one is killed; one's cable is pulled: nobody hears that it ended ---

pod net
for way in kill pull; do
	node 0 "$work/endless"
	node 1
	node 2
	eventually busy_all "$n0" "$n1" "$n2"
	if [ $way = kill ]; then
		kill -9 "$(child_of "$n2")"
		ends n2 137
	else
		ip link set cable2 down
		ends n2 3 "^mini-pod: node [01] ([a-z]*) is lost: nothing was heard of it for 2 s"
		ip link set cable2 up
	fi
	ends n0 3 "^mini-pod: node 2 (cid) is lost"
	ends n1 3 "^mini-pod: node 2 (cid) is lost"
	[ "$(cat "$work/n0.err" "$work/n1.err" | wc -l)" = 2 ] ||
		fail "$way: not a line each: $(cat "$work/n0.err" "$work/n1.err")"
done

finish
