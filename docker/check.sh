#!/bin/sh
# Looks at the secrets of compose.yaml, before anything of it is started: one line and exit code 2 for
# what is missing or wrong.
set -eu

die() {
  echo "check.sh: the secret $1. Secrets are made by: sh docker/make-secrets" >&2
  exit 2
}

for secret in documents blocks server mongodb-root mongodb-key; do
  # Some engines put an empty folder in the place of a file that is not there.
  [ -f "/run/secrets/$secret" ] && [ -s "/run/secrets/$secret" ] || die "$secret is missing or empty"
done
case $(cat /run/secrets/documents) in
  mongodb://?*/?* | mongodb+srv://?*/?*) ;;
  *) die "documents holds no mongodb://USER:PASSWORD@HOST/DATABASE" ;;
esac
case $(cat /run/secrets/blocks) in
  kubo+http://?*@?* | kubo+https://?*@?*) ;;
  *) die "blocks holds no kubo+http://TOKEN@HOST:5001" ;;
esac
