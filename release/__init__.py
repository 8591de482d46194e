"""What a release needs: where it installs, on which versions it is tested, and whether what is published works."""
