#!/bin/sh
# FerretDB before a PostgreSQL with DocumentDB, in one container that stands for MongoDB in the
# tests: the same secret, the same port, everything durable in /data/db.
set -eu

programs=/usr/lib/postgresql/18/bin
data=/data/db/data
address=$(cat /run/secrets/documents)
account=${address#mongodb://}
account=${account%%@*}

if [ ! -e "$data/PG_VERSION" ]; then
  echo "${account#*:}" >/tmp/password
  "$programs/initdb" --pgdata="$data" --username="${account%%:*}" --pwfile=/tmp/password \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  cat >>"$data/postgresql.conf" <<END
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
cron.use_background_workers = on
END
fi
# Whoever was killed left it; in this container nothing else uses the data.
rm -f "$data/postmaster.pid"
# For psql below, and for DocumentDB, which connects to the server that it runs in.
export PGPASSWORD="${account#*:}"
"$programs/pg_ctl" --wait --silent --pgdata="$data" start
"$programs/psql" --quiet --host=127.0.0.1 --username="${account%%:*}" --dbname=postgres \
  --command='SET client_min_messages = error' \
  --command='CREATE EXTENSION IF NOT EXISTS documentdb CASCADE'
exec ferretdb --postgresql-url="postgres://$account@127.0.0.1:5432/postgres" \
  --listen-addr=0.0.0.0:27017 --state-dir=/tmp/ferretdb --telemetry=disable --debug-addr=-
