"""Files from and to elsewhere: listings, downloads, archives, checksums, logins, stores."""
