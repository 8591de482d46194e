"""Which tracks there are: manifests of Parquet or CSV, and folders of music."""
