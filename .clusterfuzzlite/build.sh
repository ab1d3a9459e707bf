#!/bin/bash -eu
# Builds every fuzz target into $OUT, beside its options, its corpus and the dictionary. OSS-Fuzz
# says in CC, CXX, CXXFLAGS and LIB_FUZZING_ENGINE how.
build=$WORK/rollcall
cmake -G Ninja -S "$SRC/rollcall" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS_RELEASE="-O2 -g1" -DROLLCALL_FUZZER=ON \
  -DROLLCALL_FUZZING_ENGINE="$LIB_FUZZING_ENGINE" \
  -DSQLite3_LIBRARY=/usr/lib/x86_64-linux-gnu/libsqlite3.a  # the runner's image has none
cmake --build "$build"

cd "$SRC/rollcall/fuzz"
for source in *_fuzzer.cpp; do
  target=${source%_fuzzer.cpp}
  cp "$build/bin/${target}_fuzzer" "$OUT/"
  {
    cat "${target}_fuzzer.options"
    echo "dict = protocol.dict"
  } >"$OUT/${target}_fuzzer.options"
  zip -q -j "$OUT/${target}_fuzzer_seed_corpus.zip" corpus/"$target"/*
done
cp protocol.dict "$OUT/"
