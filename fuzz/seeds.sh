#!/usr/bin/env bash
# Fills fuzz/corpus/ with inputs to start from: the fixtures of the tests, and small files made here.
set -euo pipefail
cd "$(dirname "$0")"

python3 seeds.py

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cargo run --quiet --manifest-path ../Cargo.toml -p assay-attest --example bundle -- "$made"
cp "$made"/bundle/*.link corpus/link/
cp "$made"/bundle/layout.json corpus/layout/
cp "$made"/bundle/aibom.json corpus/bom/
