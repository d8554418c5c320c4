#!/bin/sh
# Builds the kernels and their test outside of the addon and runs it.
# Usage: native/test/run.sh [--target aarch64] [--sanitize] [build folder]
#   --target aarch64   for another processor: Debian's cross compiler, and qemu to run what it made
#   --sanitize         with AddressSanitizer and UBSan, and less optimised
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../src/kernels
machine=$(uname -m)
target=$machine
sanitize=
while [ $# -gt 0 ]; do
  case $1 in
    --target) target=${2:?--target needs a processor, such as aarch64}; shift 2 ;;
    --sanitize) sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all -g1"; shift ;;
    -*) echo "run.sh does not know $1; it takes [--target aarch64] [--sanitize] [build folder]" >&2; exit 2 ;;
    *) break ;;
  esac
done
out=${1:-${TMPDIR:-/tmp}/nonet-kernel-test-$target${sanitize:+-sanitize}}
mkdir -p "$out"

cxx=${CXX:-g++}
nm=nm
emulator=
if [ "$target" != "$machine" ]; then
  cxx=$target-linux-gnu-g++
  nm=$target-linux-gnu-nm
  emulator="qemu-$target -L /usr/$target-linux-gnu"
  for tool in "$cxx" "qemu-$target"; do
    command -v "$tool" >/dev/null && continue
    echo "$tool is missing. On Debian: apt-get install g++-$target-linux-gnu qemu-user" >&2
    exit 1
  done
fi
optimise=-O3
[ -n "$sanitize" ] && optimise=-O1
flags="$optimise -std=c++17 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-unused-function -Wno-psabi -Wno-maybe-uninitialized -Wno-uninitialized $sanitize"

case $target in
  x86_64) isas="baseline avx2 avx512" ;;
  aarch64) isas="baseline neon" ;;
  *) isas=baseline ;;
esac
# An archive may define its getter and nothing else, weak symbols least of all. Sanitizers add some of their own.
keepsApart() { # object, getter
  [ -z "$sanitize" ] || return 0
  shared=$($nm --defined-only --extern-only "$out/$1.o" | grep -v "$2" || true)
  [ -n "$shared" ] || return 0
  echo "$1.o defines symbols that another archive may share:"
  echo "$shared"
  exit 1
}

for isa in $isas; do
  case $isa in
    avx2) cpu="-mavx2 -mfma -DNONET_ISA_AVX2" ;;
    avx512) cpu="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512 -DNONET_ISA_AVX512" ;;
    neon) cpu=-DNONET_ISA_NEON ;;
    *) cpu= ;;
  esac
  $cxx $flags $cpu -fno-exceptions -fno-rtti -c "$kernels/isa_$isa.cpp" -o "$out/isa_$isa.o"
  $cxx $flags $cpu -DNONET_ISA_NAMESPACE=$isa -c "$here/math_test.cpp" -o "$out/math_$isa.o"
  keepsApart "isa_$isa" "kernelTable_$isa"
done

# Units for bf16: the ones of the processor, their emulation, and their bodies over simulated intrinsics.
wide="-mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512"
unit() { # object, source, flags
  object=$out/unit_$1.o
  source=$kernels/unit_$2.cpp
  shift 2
  $cxx $flags "$@" -fno-exceptions -fno-rtti -c "$source" -o "$object"
}
units="emulated_amx emulated_avx512bf16 simulated_amx simulated_avx512bf16"
for unit in amx avx512bf16; do
  unit emulated_$unit emulated_$unit
  unit simulated_$unit $unit -DNONET_UNIT=simulated_$unit "-DNONET_SIMULATED_UNITS=\"$here/simulated_units.h\""
done
if [ "$target" = x86_64 ]; then
  units="$units amx avx512bf16"
  unit amx amx $wide -mamx-tile -mamx-bf16
  unit avx512bf16 avx512bf16 $wide -mavx512bf16
  keepsApart unit_amx bf16Unit_amx
  keepsApart unit_avx512bf16 bf16Unit_avx512bf16
fi

objects=
for isa in $isas; do objects="$objects $out/isa_$isa.o $out/math_$isa.o"; done
for unit in $units; do objects="$objects $out/unit_$unit.o"; done
$cxx -O2 -std=c++17 -Wall -ffp-contract=off $sanitize "$here/kernels_test.cpp" "$here/gemm_test.cpp" "$here/attention_test.cpp" "$here/bf16_test.cpp" "$here/../src/core/isa.cpp" "$here/../src/core/bf16_unit.cpp" $objects -o "$out/kernels_test"
$emulator "$out/kernels_test"
