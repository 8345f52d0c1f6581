#!/bin/sh
# Generates the Go code of the .proto contracts next to them, and the TypeScript
# types of the matchmaker for the browser client, with protoc and the plugins in
# .bin (built from tools/go.mod).
#
#   generate.sh          write the generated files
#   generate.sh --check  fail when a committed file differs from what is generated
set -eu

cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
PATH="$root/.bin:$PATH"
export PATH

for tool in protoc protoc-gen-go protoc-gen-go-grpc protoc-gen-connect-go protoc-gen-tactus-ts; do
	if ! command -v "$tool" >/dev/null; then
		echo "generate.sh: $tool is missing; install protobuf-compiler, then build the plugins: cd tools && GOBIN=$root/.bin go install tool" >&2
		exit 2
	fi
done

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

module=tactus/protocol/rpc
protoc -I . \
	--go_out="$out" --go_opt=module=$module \
	--go-grpc_out="$out" --go-grpc_opt=module=$module \
	tactus/admin/v1/admin.proto tactus/fleet/v1/fleet.proto \
	tactus/matchmaker/v1/matchmaker.proto tactus/replica/v1/replica.proto
# Players and operators come by way of HTTP; the fleet speaks native gRPC alone.
protoc -I . \
	--connect-go_out="$out" --connect-go_opt=module=$module \
	tactus/admin/v1/admin.proto tactus/matchmaker/v1/matchmaker.proto

# The browser client speaks the matchmaker's JSON.
typescript=$root/client-js/src/matchmakerv1.ts
mkdir "$out/client"
protoc -I . --tactus-ts_out="$out/client" tactus/matchmaker/v1/matchmaker.proto

# The plugins note protoc's own version, which changes nothing in the code and
# differs from one machine to the next.
find "$out" -name '*.go' -exec sed -i -E '/^\/\/ (-|	) *protoc +(v[0-9.]+|\(unknown\))$/d' {} +

if [ "${1:-}" = --check ]; then
	status=0
	diff -u "$typescript" "$out/client/matchmakerv1.ts" || status=1
	for file in $(cd "$out" && find . -name '*.go'); do
		diff -u "$file" "$out/$file" || status=1
	done
	for file in $(find tactus -name '*.go'); do
		[ -e "$out/$file" ] || { echo "generate.sh: $file is not generated from any .proto" >&2; status=1; }
	done
	[ $status = 0 ] || echo "generate.sh: generated code is out of date; run make gen" >&2
	exit $status
fi

find tactus -name '*.go' -exec rm -f {} +
cp -R "$out"/tactus .
cp "$out/client/matchmakerv1.ts" "$typescript"
