#!/usr/bin/env bash
# Install the Debian packages named in $PACKAGES that are missing; "program:package" asks for the program instead.
# Without root or sudo it names what is missing and how to get it.
set -euo pipefail

missing=()
for item in ${PACKAGES:?name the packages}; do
    if [[ $item == *:* ]]; then
        command -v "${item%%:*}" > /dev/null || missing+=("${item##*:}")
    else
        dpkg-query --show --showformat='${Status}' "$item" 2> /dev/null | grep -q 'ok installed' || missing+=("$item")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2> /dev/null && ! [ -t 0 ]; then
        echo "Missing Debian packages: ${missing[*]}. Ask an administrator for: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# The gateway starts an Orthanc of its own, and the tests a broker: the packages' system services would only occupy ports.
for service in orthanc mosquitto; do
    if [[ " ${missing[*]} " == *" $service "* ]] && command -v systemctl > /dev/null; then
        "${as_root[@]}" systemctl mask "$service.service" > /dev/null 2>&1 || true
    fi
done

echo "Installing Debian packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
