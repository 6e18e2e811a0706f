#!/usr/bin/env bash
# Installs the Debian packages hadal is built with: only those that are missing, asking for root
# only when there are any. Running it again changes nothing. --deep adds what `make lint`,
# `make fuzz` and `make check-deep` need.
set -euo pipefail

packages=(
  make cmake ninja-build g++ ccache pkg-config
  libboost1.81-dev nlohmann-json3-dev libspdlog-dev libfmt-dev
  libpcre2-dev libedit-dev libxxhash-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev libpq-dev libzstd-dev
  libmicrohttpd-dev libtomlplusplus-dev libyaml-cpp-dev libgtest-dev curl ca-certificates qemu-user postgresql chromium
)
deep_packages=(
  clang-16 clang-tidy-16 clang-format-16 libclang-rt-16-dev llvm-16 libbenchmark-dev
)

case "${1:-}" in
  "") ;;
  --deep) packages+=("${deep_packages[@]}") ;;
  *)
    echo "usage: tools/setup-debian.sh [--deep]" >&2
    exit 2
    ;;
esac

# For the dashboard's page and tests/clients. An existing Node brings its own npm, with which Debian's package would clash.
if ! command -v npm >/dev/null; then
  packages+=(npm)
fi

if ! command -v dpkg-query >/dev/null; then
  echo "setup: not a Debian system; the build expects the equivalents of: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "setup: these packages are missing: ${missing[*]}" >&2
    echo "setup: installing them needs root and there is no sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi

echo "setup: installing ${missing[*]}"
install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)
# The lists of a fresh machine are empty and those of an old one outdated: refresh them when needed.
if ! "${install[@]}" "${missing[@]}" >/dev/null 2>&1; then
  "${root[@]}" apt-get update
  "${install[@]}" "${missing[@]}"
fi
