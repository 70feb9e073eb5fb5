#!/usr/bin/env bash
# The new version's files under hashed names, compressed, before it takes over from the old one.
#
# The base settings are enough for that: nothing here depends on a region, a host or a secret.
set -euo pipefail

for programs in /var/app/venv/*/bin; do
    PATH="$programs:$PATH"
done

DJANGO_SETTINGS_MODULE=gtsite.settings.base python manage.py collectstatic --no-input --verbosity 1
