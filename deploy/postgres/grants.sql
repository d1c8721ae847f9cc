-- What each service may do with the tables. Only the owner makes and changes tables.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM assay_api, assay_worker, assay_scanner;
GRANT USAGE ON SCHEMA public TO assay_api, assay_worker, assay_scanner;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO assay_api, assay_worker, assay_scanner;

-- The API takes jobs in, and removes objects that nothing names.
GRANT INSERT, UPDATE ON jobs, workers TO assay_api;
GRANT INSERT, UPDATE, DELETE ON objects, artifacts, events, outbox, checkpoints, unneeded, collected TO assay_api;

-- Workers make no jobs, and change nothing of what a job was to be: its folder, request, class, time, artifacts, log.
GRANT UPDATE (status, attempt, lost, worker, lease_until, progress, resumed_from, failure, timings, outputs, held,
    not_before, started_at, finished_at) ON jobs TO assay_worker;
GRANT INSERT ON objects, artifacts, events TO assay_worker;
GRANT INSERT, UPDATE, DELETE ON outbox, checkpoints, workers TO assay_worker;
GRANT INSERT, UPDATE ON image_scans TO assay_worker;
-- They note which objects nothing needs any more; the API removes those.
GRANT INSERT, UPDATE ON unneeded TO assay_worker;
-- Nobody writes job_counts: a trigger does, with the owner's rights.
-- A removed object that is stored again may be named again.
GRANT DELETE ON collected TO assay_worker, assay_scanner;
-- Workers remove the checkpoint before the newest.
GRANT INSERT, UPDATE ON collected TO assay_worker;

-- The scanner writes scans and the objects they name, and lets held jobs go on.
GRANT INSERT ON scans TO assay_scanner;
GRANT UPDATE (not_before) ON jobs TO assay_scanner;
GRANT UPDATE (ring_at, pause) ON outbox TO assay_scanner;
