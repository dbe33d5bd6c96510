#!/bin/sh
# Kubo for the vault: what docs/guide/kubo.md explains, set anew at each start.
#
#   kubo.sh run      make the repository if there is none, set it up, run the daemon
#   kubo.sh ready    the health check: the RPC answers to the vault's token
#
# KUBO_STORAGE_MAX is Kubo's Datastore.StorageMax.
set -eu

die() {
  echo "kubo.sh: $*" >&2
  exit 2
}

# The token stands in the address that the server uses: kubo+http://TOKEN@kubo:5001
token() {
  address=$(cat /run/secrets/blocks 2>/dev/null) \
    || die "the secret blocks is not there: run sh docker/make-secrets"
  case $address in
    kubo+http://?*@*) address=${address#kubo+http://} && echo "${address%@*}" ;;
    *) die "the secret blocks holds no kubo+http://TOKEN@kubo:5001" ;;
  esac
}

set_all() {
  for setting in "$@"; do
    ipfs config --json "${setting%%=*}" "${setting#*=}"
  done
}

configure() {
  [ -e "$IPFS_PATH/config" ] || ipfs init --profile=unixfs-v1-2025,server
  # A repository that was there keeps its datastore, but not other ways of importing.
  ipfs config profile apply unixfs-v1-2025 >/dev/null
  spec=$(ipfs config Datastore.Spec | sed 's/"sync": false/"sync": true/')
  set_all "Datastore.Spec=$spec" "Datastore.StorageMax=\"$KUBO_STORAGE_MAX\"" \
    'Addresses.API="/ip4/0.0.0.0/tcp/5001"' 'Addresses.Gateway="/ip4/0.0.0.0/tcp/8080"' \
    'Discovery.MDNS.Enabled=false' \
    "API.Authorizations={\"vault\": {\"AuthSecret\": \"bearer:$1\", \"AllowedPaths\": [\"/api/v0\"]}}"
  # Private: no peers, and nobody is told what it has.
  set_all AutoConf.Enabled=false AutoTLS.Enabled=false 'Bootstrap=[]' Provide.Enabled=false \
    Gateway.NoFetch=true 'Ipns.DelegatedPublishers=[]' 'DNS.Resolvers={}' 'Routing.Type="none"' \
    'Routing.DelegatedRouters=[]' 'Addresses.Swarm=[]'
}

secret=$(token)
case ${1-} in
  run)
    configure "$secret"
    exec ipfs daemon --migrate=true
    ;;
  ready)
    ipfs --api /ip4/127.0.0.1/tcp/5001 --api-auth "bearer:$secret" id --format '<id>' >/dev/null
    ;;
  *) die "say run or ready" ;;
esac
