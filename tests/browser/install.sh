#!/usr/bin/env sh
# A browser and its driver for the tests of pages, where this may be installed: Debian, as root.
# Without them these tests are skipped.
set -u
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null && exit 0
fi
echo "no browser was installed; the tests of pages are skipped" >&2
exit 0
