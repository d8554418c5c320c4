#!/bin/sh
# Builds the kernels and their test outside of the addon and runs it. Usage: native/test/run.sh [build folder]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../src/kernels
out=${1:-${TMPDIR:-/tmp}/nonet-kernel-test}
mkdir -p "$out"
cxx=${CXX:-g++}
flags="-O3 -std=c++17 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-unused-function -Wno-psabi -Wno-maybe-uninitialized -Wno-uninitialized"

isas=baseline
[ "$(uname -m)" = x86_64 ] && isas="baseline avx2 avx512"
for isa in $isas; do
  case $isa in
    avx2) cpu="-mavx2 -mfma -DNONET_ISA_AVX2" ;;
    avx512) cpu="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512 -DNONET_ISA_AVX512" ;;
    *) cpu= ;;
  esac
  $cxx $flags $cpu -fno-exceptions -fno-rtti -c "$kernels/isa_$isa.cpp" -o "$out/isa_$isa.o"
  $cxx $flags $cpu -DNONET_ISA_NAMESPACE=$isa -c "$here/math_test.cpp" -o "$out/math_$isa.o"
  # An archive may define its table's getter and nothing else, weak symbols least of all.
  shared=$(nm --defined-only --extern-only "$out/isa_$isa.o" | grep -v "kernelTable_$isa" || true)
  if [ -n "$shared" ]; then
    echo "isa_$isa.o defines symbols that another archive may share:"
    echo "$shared"
    exit 1
  fi
done
$cxx -O2 -std=c++17 -Wall -ffp-contract=off "$here/kernels_test.cpp" "$here/gemm_test.cpp" "$here/attention_test.cpp" "$out"/isa_*.o "$out"/math_*.o -o "$out/kernels_test"
"$out/kernels_test"
