# Makes the services' accounts on the store; harmless to repeat.
set -eu
mc --quiet alias set store http://minio:9000 assay-root "$(cat /run/secrets/store_root)" >/dev/null
for service in api worker scanner; do
  mc --quiet admin policy create store "assay-$service" "/deploy/$service.json"
  mc --quiet admin user add store "assay-$service" "$(cat "/run/secrets/store_$service")"
  mc --quiet admin policy attach store "assay-$service" --user "assay-$service" || true
done
