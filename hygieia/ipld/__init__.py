"""CIDs, dag-pb, UnixFS and CAR as pure functions over bytes."""
