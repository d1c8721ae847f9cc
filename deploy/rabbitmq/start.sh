#!/bin/sh
# Starts RabbitMQ with the accounts of the services. Each may do what it needs and no more:
#   admin    makes exchanges and queues (assay prepare), and the console
#   api      rings: publishes to the exchange of jobs, looks at depths, and reads dead letters
#   worker   listens to the queues of jobs, rings again, puts aside what it cannot read
set -eu

mkdir -p /etc/rabbitmq/conf.d
definitions=/etc/rabbitmq/assay-definitions.json
# As JSON writes it.
password() { sed 's/["\\]/\\&/g' "/run/secrets/rabbitmq_$1"; }
account() { printf '{"name":"assay_%s","password":"%s","tags":"%s"}' "$1" "$(password "$1")" "$2"; }
# name, configure, write, read
permission() {
  printf '{"user":"assay_%s","vhost":"assay","configure":"%s","write":"%s","read":"%s"}' "$1" "$2" "$3" "$4"
}

# Nobody else is to read the passwords in it.
(umask 077 && : >$definitions)
chown rabbitmq $definitions
cat >$definitions <<JSON
{
  "vhosts": [{"name": "assay"}],
  "users": [$(account admin administrator), $(account api ""), $(account worker "")],
  "permissions": [
    $(permission admin '.*' '.*' '.*'),
    $(permission api '^$' '^assay\\.jobs$' '^assay\\.dead$'),
    $(permission worker '^$' '^assay\\.jobs$' '^assay\\.jobs\\.')
  ]
}
JSON
cat >/etc/rabbitmq/conf.d/20-assay.conf <<CONF
load_definitions = $definitions
CONF
exec docker-entrypoint.sh rabbitmq-server
