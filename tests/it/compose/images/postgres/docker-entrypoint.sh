#!/bin/bash
# As PostgreSQL's image: makes the database on the first start, runs what lies in docker-entrypoint-initdb.d, serves.
set -eu
as_user() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

mkdir -p "$PGDATA"
chown postgres "$PGDATA"
chmod 700 "$PGDATA"
mkdir -p /var/run/postgresql
chown postgres /var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  as_user initdb -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" -E UTF8 --locale=C --no-sync >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  as_user pg_ctl -w -o "-c listen_addresses=''" start >/dev/null
  as_user createdb -U "$POSTGRES_USER" -O "$POSTGRES_USER" "$POSTGRES_DB"
  for script in /docker-entrypoint-initdb.d/*.sh; do
    as_user "$script"
  done
  as_user pg_ctl -w -m fast stop >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@" -c listen_addresses='*'
