"""Ray: its sessions, and tasks a bounded number at a time."""
