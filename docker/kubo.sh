#!/bin/sh
# Kubo for the vault: what docs/guide/kubo.md explains, set anew at each start.
#
#   kubo.sh run      make the repository if there is none, set it up, run the daemon
#   kubo.sh ready    the health check: the RPC answers to the vault's token, the gateway listens
#   kubo.sh address  where other nodes reach this one, for their KUBO_PEERS
#
# KUBO_STORAGE_MAX is Kubo's Datastore.StorageMax. With KUBO_ANNOUNCE, the multiaddress that other
# nodes reach this one by, it is one of a Cluster's: KUBO_PEERS names the others' multiaddresses, by
# comma, and the RPC needs no token, since Cluster can send none.
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

# {"ID": ..., "Addrs": [...]} of each /.../p2p/ID, by comma.
peers() {
  printf '%s\n' "$1" | sed 's/,/\n/g' | sed -n 's|^\(/.*\)/p2p/\([^/]*\)$|{"ID": "\2", "Addrs": ["\1"]}|p' \
    | paste -s -d, -
}

configure() {
  [ -e "$IPFS_PATH/config" ] || ipfs init --profile=unixfs-v1-2025,server
  # A repository that was there keeps its datastore, but not other ways of importing.
  ipfs config profile apply unixfs-v1-2025 >/dev/null
  spec=$(ipfs config Datastore.Spec | sed 's/"sync": false/"sync": true/')
  # The RPC is on the network of the stores alone, whatever others this container is on.
  set_all "Datastore.Spec=$spec" "Datastore.StorageMax=\"$KUBO_STORAGE_MAX\"" \
    'Addresses.API="/dns4/kubo-rpc/tcp/5001"' 'Addresses.Gateway="/ip4/0.0.0.0/tcp/8080"' \
    'Discovery.MDNS.Enabled=false' 'Swarm.AddrFilters=[]' 'Addresses.NoAnnounce=[]'
  # Nobody but the nodes that are named, and nobody is told what it has.
  set_all AutoConf.Enabled=false AutoTLS.Enabled=false 'Bootstrap=[]' Provide.Enabled=false \
    'Ipns.DelegatedPublishers=[]' 'DNS.Resolvers={}' 'Routing.Type="none"' \
    'Routing.DelegatedRouters=[]' Gateway.NoFetch=true
  if [ -n "${KUBO_ANNOUNCE-}" ]; then
    set_all 'Addresses.Swarm=["/ip4/0.0.0.0/tcp/4001"]' "Addresses.Announce=[\"$KUBO_ANNOUNCE\"]" \
      "Peering.Peers=[$(peers "${KUBO_PEERS-}")]" 'API.Authorizations={}'
  else
    set_all 'Addresses.Swarm=[]' 'Peering.Peers=[]' \
      "API.Authorizations={\"vault\": {\"AuthSecret\": \"bearer:$1\", \"AllowedPaths\": [\"/api/v0\"]}}"
  fi
}

# Asked at the address that Kubo says it listens on: the name server may be slow for a moment.
answers() {
  ipfs --api "$(cat "$IPFS_PATH/api")" --api-auth "bearer:$1" id --format '<id>' >/dev/null
}

secret=$(token)
case ${1-} in
  run)
    configure "$secret"
    # Kubo makes them when RPC and gateway listen; one that was killed left them.
    rm -f "$IPFS_PATH/api" "$IPFS_PATH/gateway"
    exec ipfs daemon --migrate=true
    ;;
  ready) [ -s "$IPFS_PATH/api" ] && [ -s "$IPFS_PATH/gateway" ] && answers "$secret" ;;
  address)
    id=$(sed -n 's/.*"PeerID": *"\([^"]*\)".*/\1/p' "$IPFS_PATH/config" 2>/dev/null) || id=
    [ -n "$id" ] || die "Kubo has no identity yet: start it first"
    echo "${KUBO_ANNOUNCE:?only with compose.cluster.yaml}/p2p/$id"
    ;;
  *) die "say run, ready or address" ;;
esac
