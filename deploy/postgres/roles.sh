#!/bin/bash
# Run by the image once, when the database is new: an account for each service. What they may do with the tables is in
# grants.sql, since the tables are made later.
set -eu
for service in api worker scanner; do
  psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=role="assay_$service" --set=file="/run/secrets/postgres_$service" <<'SQL'
\set password `cat :'file'`
CREATE ROLE :"role" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
SQL
done
psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
REVOKE ALL ON DATABASE assay FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE assay TO assay_api, assay_worker, assay_scanner;
SQL
