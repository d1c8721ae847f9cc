#!/bin/sh
# Gives each service its rights on the tables; harmless to repeat.
set -eu
PGPASSWORD=$(cat /run/secrets/postgres_owner)
export PGPASSWORD
# At once: no service that runs is ever without its rights.
exec psql --quiet --single-transaction --set=ON_ERROR_STOP=1 --host=postgres --username=assay_owner --dbname=assay --file=/deploy/grants.sql
