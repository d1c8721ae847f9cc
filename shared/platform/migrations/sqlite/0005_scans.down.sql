DROP TABLE image_scans;
DROP TABLE scans;
