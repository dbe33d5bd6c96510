#!/bin/sh
# The IPFS Cluster peer beside Kubo, set anew at each start.
#
#   cluster.sh run      make the peer's identity and settings if there are none, run it
#   cluster.sh ready    the health check: the peer's REST API answers
#   cluster.sh address  where other peers reach this one, for their CLUSTER_PEERS
set -eu

die() {
  echo "cluster.sh: $*" >&2
  exit 2
}

secret() {
  cat "/run/secrets/$1" 2>/dev/null || die "the secret $1 is not there: run sh docker/make-secrets"
}

# USER:PASSWORD stands in the address that the server uses: http://USER:PASSWORD@cluster:9094
login=$(secret cluster)
case $login in
  http://?*:?*@*) login=${login#http://} && login=${login%@*} ;;
  *) die "the secret cluster holds no http://USER:PASSWORD@cluster:9094" ;;
esac
# The same on every machine; it shuts their network to strangers.
CLUSTER_SECRET=$(secret cluster-network)
export CLUSTER_SECRET
export CLUSTER_RESTAPI_BASICAUTHCREDENTIALS="$login"
# The REST API is on the network of the stores alone, as Kubo's RPC, and here for the health check, which
# then needs no name server; the peers' port is on all.
export CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS=/ip4/127.0.0.1/tcp/9094,/dns4/cluster-rest/tcp/9094
export CLUSTER_LISTENMULTIADDRESS=/ip4/0.0.0.0/tcp/9096
export CLUSTER_IPFSHTTP_NODEMULTIADDRESS=/dns4/kubo-rpc/tcp/5001
export CLUSTER_CRDT_TRUSTEDPEERS='*' # of those who have the secret
export CLUSTER_MDNSINTERVAL=0

case ${1-} in
  run)
    cd "$IPFS_CLUSTER_PATH"
    if [ ! -e service.json ]; then
      # From a backup come identity and known peers without it; init keeps the one, empties the others.
      [ ! -e peerstore ] || mv peerstore peerstore.kept
      ipfs-cluster-service init --consensus crdt
    fi
    [ ! -e peerstore.kept ] || mv peerstore.kept peerstore
    exec ipfs-cluster-service daemon
    ;;
  ready) busybox wget -qO /dev/null http://127.0.0.1:9094/health ;;
  address)
    id=$(sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' "$IPFS_CLUSTER_PATH/identity.json" 2>/dev/null) || id=
    [ -n "$id" ] || die "the peer has no identity yet: start it first"
    echo "$CLUSTER_ANNOUNCE/p2p/$id"
    ;;
  *) die "say run, ready or address" ;;
esac
