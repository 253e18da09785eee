"""Results of jobs as products of the archive: curators publish them into a collection."""
