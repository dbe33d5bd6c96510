#!/bin/sh
# Copies the volumes of a stopped vault into /backup/vault.tar, or back into empty ones: MongoDB's and
# Kubo's and, where compose.cluster.yaml mounts it, that of the Cluster peer, which the others know by
# the identity in it.
#
#   copying.sh backup|restore
set -eu
umask 077 # keys of the nodes are among what is copied

die() {
  echo "$*" >&2
  exit 1
}

volumes="mongodb kubo"
leave_out=cluster # a backup made with it may come back without it
if [ -d /vault/cluster ]; then
  volumes="$volumes cluster"
  leave_out=/ # no name in a backup begins so
fi

case ${1-} in
  backup)
    # Kubo's own mark of a daemon that runs, or was not stopped but killed.
    [ ! -e /vault/kubo/api ] || die "The vault runs: docker compose stop first. (After a power cut start it once.)"
    # MongoDB's, which it empties when it stops.
    [ ! -s /vault/mongodb/mongod.lock ] || die "MongoDB runs: docker compose stop first. (After a power cut start it once.)"
    [ -e /vault/kubo/config ] || die "There is no vault in the volumes."
    # What the Cluster peer made of docker/secrets it makes of them again.
    # shellcheck disable=SC2086 # several words are meant
    tar --create --numeric-owner --sparse --exclude=cluster/service.json --file=/backup/vault.tar.new --directory=/vault $volumes
    sync /backup/vault.tar.new
    mv /backup/vault.tar.new /backup/vault.tar
    sync /backup
    ;;
  restore)
    [ -r /backup/vault.tar ] || die "There is no /backup/vault.tar to restore."
    for volume in $volumes; do
      [ -z "$(ls -A "/vault/$volume")" ] || die "The volume $volume is not empty: nothing was restored."
    done
    tar --extract --numeric-owner --same-owner --preserve-permissions \
      --anchored --exclude="$leave_out" --file=/backup/vault.tar --directory=/vault
    sync
    ;;
  *) die "Say backup or restore." ;;
esac
