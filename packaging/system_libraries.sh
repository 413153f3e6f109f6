#!/bin/sh
# Makes sure that Debian packages which pip cannot supply are there: installs the missing ones as
# root on Debian and its relatives, else names the command that does.
#
#   packaging/system_libraries.sh python|window|tests|training
#
# Lists: Qt 6 with widgets and multimedia, then the xcb platform; verified on Debian 12.
set -eu

qt="libgl1 libegl1 libglib2.0-0 libxkbcommon0 libfontconfig1 libdbus-1-3 libpulse0 libxrandr2 \
fonts-dejavu-core"
xcb="libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 \
libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libx11-xcb1"

recommended=""
case "${1:-}" in
    # Debian splits venv from python3; a Python from elsewhere brings its own.
    python) "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null && exit 0
        wanted="python3-venv" ;;
    window) wanted="$qt $xcb" ;;
    # ffmpeg is the second reader of the files that the tests write. Without espeak-ng the tests of
    # generated speech are skipped.
    tests) wanted="$qt $xcb ffmpeg" recommended="espeak-ng" ;;
    training) wanted="espeak-ng" ;;
    *) echo "usage: $0 python|window|tests|training" >&2; exit 64 ;;
esac

# Other systems bring these libraries with their desktop, or Qt's wheel says what is missing.
command -v dpkg-query >/dev/null 2>&1 || exit 0

missing_of() {
    for package in "$@"; do
        # The t64 names are those of releases after Debian 12.
        dpkg-query -W -f '${db:Status-Status}\n' "$package" "${package}t64" 2>/dev/null |
            grep -qx installed || printf ' %s' "$package"
    done
}

install() {
    echo "Installing system libraries: $*"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
            >/dev/null
}

# The lists are split at their blanks.
# shellcheck disable=SC2086
missing=$(missing_of $wanted)
# shellcheck disable=SC2086
advised=$(missing_of $recommended)

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install $missing
    # shellcheck disable=SC2086
    [ -z "$advised" ] || install $advised || echo "Going on without$advised." >&2
elif [ -n "$missing" ]; then
    echo "Some system libraries are missing. Please run:" >&2
    echo "    sudo apt-get install --no-install-recommends$missing$advised" >&2
    echo "and then this command again." >&2
    exit 1
elif [ -n "$advised" ]; then
    echo "Recommended: sudo apt-get install --no-install-recommends$advised" >&2
fi
