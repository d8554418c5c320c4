#!/bin/sh
# Builds the native core with AddressSanitizer and UBSan and runs over it: the tests of the kernels, then those of
# vitest that work the addon hardest (every op, every kernel, malformed programs). The first error ends the run.
# Usage: native/test/sanitize.sh [vitest arguments: other test files, or -t NAME]
#
# The addon lies in native/build-sanitize, beside the usual one. Node itself is not instrumented, so the libraries of
# the sanitizers are loaded before it, and memory that it never gives back is not reported; the kernels' own test does
# look for leaks. NONET_ISA works as always.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

native/test/run.sh --sanitize
node node_modules/typescript/bin/tsc -p tsconfig.build.json # what worker threads load
node scripts/build-native.mjs --sanitize

# libstdc++ too: without it the hook on exceptions finds nothing to call.
preload=
for library in libasan.so libubsan.so libstdc++.so.6; do
  file=$(${CXX:-g++} -print-file-name=$library)
  case $file in
    /*) preload="$preload${preload:+:}$(readlink -f "$file")" ;;
    *) echo "$library is missing; g++ brings it on Debian" >&2; exit 1 ;;
  esac
done

[ $# -gt 0 ] || set -- src/compile/native test/engine-ops.test.ts test/engine-rows.test.ts test/engine-control.test.ts test/engine-workers.test.ts
# Asking for more memory than there is must stay an error that can be caught: tests do.
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:allocator_may_return_null=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
# More broken programs than usual.
export NONET_FUZZ="${NONET_FUZZ:-3}"
export NONET_ADDON="$root/native/build-sanitize/build/Release/nonet.node"
LD_PRELOAD=$preload exec node node_modules/vitest/vitest.mjs run --testTimeout=600000 "$@"
