#!/bin/sh
# Looks at the secrets and settings of compose.yaml, before anything of it is started: one line and exit
# code 2 for what is missing or wrong.
set -eu

for secret in documents blocks server mongodb-root mongodb-key; do
  # Some engines put an empty folder in the place of a file that is not there.
  if ! { [ -f "/run/secrets/$secret" ] && [ -s "/run/secrets/$secret" ]; }; then
    echo "check.sh: the secret $secret is missing or empty. They are made by: sh docker/make-secrets" >&2
    exit 2
  fi
done
exec hygieia serve --check
