"""Where files lie: local disks, object storage, HTTP; their states, and local copies of them."""
