#!/bin/sh
# Makes the services' accounts on the store, each with the rights it needs; harmless to repeat.
set -eu

# Rights on what is in buckets, then on the buckets themselves.
reading='"s3:GetObject"'
writing='"s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts","s3:PutObjectRetention","s3:GetObjectRetention"'
removing='"s3:DeleteObject"'
looking='"s3:ListBucket","s3:ListBucketMultipartUploads","s3:GetBucketLocation","s3:GetBucketObjectLockConfiguration"'

# statement RIGHTS RESOURCE...
statement() {
  rights=$1 resources=""
  shift
  for resource; do resources="$resources${resources:+,}\"arn:aws:s3:::$resource\""; done
  printf '{"Effect":"Allow","Action":[%s],"Resource":[%s]}' "$rights" "$resources"
}

# policy STATEMENT...
policy() {
  statements=""
  for one; do statements="$statements${statements:+,}$one"; done
  printf '{"Version":"2012-10-17","Statement":[%s]}' "$statements"
}

jobs=$TRAINING_BUCKET worker=$WORKER_SCANS_BUCKET scanner=$SCANNER_SCANS_BUCKET
everywhere=$(statement "$looking" "$jobs" "$worker" "$scanner")
reads_scans=$(statement "$reading" "$worker/*" "$scanner/*")
uses_jobs=$(statement "$reading,$writing,$removing" "$jobs/*")
# Scans are never removed by a service, nor objects of jobs by the scanner.
writes_scans=$(statement "$reading,$writing" "$jobs/*" "$worker/*" "$scanner/*")

mkdir -p /tmp/policies
policy "$everywhere" "$reads_scans" "$uses_jobs" >/tmp/policies/api.json
policy "$everywhere" "$reads_scans" "$uses_jobs" >/tmp/policies/worker.json
policy "$everywhere" "$writes_scans" >/tmp/policies/scanner.json

# Names and secrets go in on standard input: command lines can be read by others.
account() { printf '%s\n%s\n' "$1" "$(cat "/run/secrets/$2")"; }

# Gives an account the policy of its name. That it has it already is an error of the client, and none of ours.
attach() {
  if said=$(mc --quiet admin policy attach store "$1" --user "$1" 2>&1); then
    return
  fi
  case $said in
    *"already in effect"*) ;;
    *)
      echo "$said" >&2
      exit 1
      ;;
  esac
}

account assay-root store_root | mc --quiet alias set store http://minio:9000 >/dev/null
for service in api worker scanner; do
  mc --quiet admin policy create store "assay-$service" "/tmp/policies/$service.json"
  account "assay-$service" "store_$service" | mc --quiet admin user add store
  attach "assay-$service"
done
