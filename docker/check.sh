#!/bin/sh
# Looks at the secrets of compose.yaml and at what docker/.env sets for its containers, before anything
# of it is started: one line and exit code 2 for what is missing or wrong. The server's own settings
# are looked at by the service "settings".
#
#   check.sh [cluster]    with compose.cluster.yaml: its secrets and settings too
set -eu

MIN_LENGTH=16 # of a password or token; make-secrets makes 64

die() {
  echo "check.sh: $*" >&2
  exit 2
}

secret() { # NAME: what it holds
  # Some engines put an empty folder in the place of a file that is not there.
  [ -f "/run/secrets/$1" ] && [ -s "/run/secrets/$1" ] || wrong "$1 is missing or empty"
  [ "$(wc -l <"/run/secrets/$1")" -le 1 ] || wrong "$1 has more than one line"
  cat "/run/secrets/$1"
}

wrong() {
  die "the secret $1. Secrets are made by: sh docker/make-secrets"
}

# A word of somebody's own, or none at all, where chance should stand. Never shown.
random() { # NAME VALUE
  [ "${#2}" -ge "$MIN_LENGTH" ] || wrong "$1 is too short to be safe"
  case $(printf %s "$2" | tr '[:upper:]' '[:lower:]') in
    *change*me* | *password* | *secret* | *token* | *example* | *placeholder* | *xxxx*)
      wrong "$1 still holds a placeholder"
      ;;
    *[[:space:]]*) wrong "$1 has a space in it" ;;
  esac
}

hexadecimal() { # NAME VALUE LENGTH
  [ "${#2}" -eq "$3" ] || wrong "$1 does not hold $3 hexadecimal digits"
  case $2 in *[!0-9a-fA-F]*) wrong "$1 does not hold $3 hexadecimal digits" ;; esac
}

password_in() { # ADDRESS: what stands before the @, after the user if one is named
  before=${1#*://}
  before=${before%@*}
  echo "${before#*:}"
}

check_secrets() {
  documents=$(secret documents)
  case $documents in
    mongodb://?*:?*@?*/?* | mongodb+srv://?*:?*@?*/?*) random documents "$(password_in "$documents")" ;;
    *) wrong "documents holds no mongodb://USER:PASSWORD@HOST/DATABASE" ;;
  esac
  blocks=$(secret blocks)
  case $blocks in
    kubo+http://?*@?* | kubo+https://?*@?*) random blocks "$(password_in "$blocks")" ;;
    *) wrong "blocks holds no kubo+http://TOKEN@HOST:5001" ;;
  esac
  server=$(secret server)
  case $server in
    *'"format"'*'"secret"'*) ;;
    *) wrong "server (server.json) is not what make-secrets writes" ;;
  esac
  root=$(secret mongodb-root)
  random mongodb-root "$root"
  key=$(secret mongodb-key)
  random mongodb-key "$key"
  case $key in *[!0-9A-Za-z+/=]*) wrong "mongodb-key holds what is no base64" ;; esac
  [ "${#key}" -le 1024 ] || wrong "mongodb-key is longer than the 1024 characters that MongoDB takes"
}

check_cluster_secrets() {
  cluster=$(secret cluster)
  case $cluster in
    http://?*:?*@?*) random cluster "$(password_in "$cluster")" ;;
    *) wrong "cluster holds no http://USER:PASSWORD@cluster:9094" ;;
  esac
  network=$(secret cluster-network)
  hexadecimal cluster-network "$network" 64
}

fits() { # NAME PATTERN EXAMPLE: an extended regular expression for the whole of what it is set to
  eval "value=\${$1-}"
  # shellcheck disable=SC2154 # eval sets it
  printf '%s\n' "$value" | grep -Eqx -- "$2" || die "$1 in docker/.env must be written like $3"
}

check_settings() {
  fits KUBO_STORAGE_MAX '[0-9]+(\.[0-9]+)? ?([kKMGTP]i?)?B' 500GB
  fits MONGODB_CACHE_GB '(0\.(2[5-9]|[3-9])[0-9]*|[1-9][0-9]*(\.[0-9]+)?)' "1, and is at least 0.25"
  fits DOMAIN '[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?' "vault.example.org, without https://"
}

HOST='/(ip4|ip6|dns|dns4|dns6)/[^/,[:space:]]+'

check_cluster_settings() {
  fits ANNOUNCE "$HOST" /dns4/one.example.org
  peer="$HOST/(tcp|udp)/[0-9]+(/quic-v1)?/p2p/[A-Za-z0-9]+"
  for name in KUBO_PEERS CLUSTER_PEERS; do
    fits "$name" "($peer(,$peer)*)?" "/dns4/two.example.org/tcp/4001/p2p/12D3..., several by comma"
  done
}

check_secrets
check_settings
if [ "${1-}" = cluster ]; then
  check_cluster_secrets
  check_cluster_settings
fi
