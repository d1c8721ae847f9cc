# Sets up the real parts that the tests talk to. Sourced by ./test.
#
# What Debian packages is installed when we are root there; otherwise what is missing is named, a line each.
# Python's packages go into a folder of their own under target/, so nothing of the machine is changed.

parts_dir=target/test-parts

set_up_parts() {
  need_program curl curl
  need_program openssl openssl
  need_program python3 python3
  need_python_venv
  if [ -n "${missing_packages:-}" ]; then
    install_packages $missing_packages
  fi
  set_up_python
}

missing_packages=""

need_program() {
  command -v "$1" >/dev/null 2>&1 || missing_packages="$missing_packages $2"
}

need_python_venv() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing_packages="$missing_packages python3-venv"
}

install_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
  else
    for package in "$@"; do
      echo "missing: $package (install it, or run ./test --quick)" >&2
    done
    exit 1
  fi
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
  export ASSAY_TEST_PYTHON
}
