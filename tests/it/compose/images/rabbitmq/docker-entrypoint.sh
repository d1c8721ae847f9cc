#!/bin/bash
# As RabbitMQ's image: the server under its own account.
set -eu
[ "$1" = rabbitmq-server ]
echo '[rabbitmq_management].' >/etc/rabbitmq/enabled_plugins
mkdir -p /var/lib/rabbitmq /var/log/rabbitmq
chown -R rabbitmq /var/lib/rabbitmq /var/log/rabbitmq
export HOME=/var/lib/rabbitmq
export RABBITMQ_CONFIG_FILES=/etc/rabbitmq/conf.d
export RABBITMQ_LOGS=-
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"
exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups /usr/lib/rabbitmq/bin/rabbitmq-server
