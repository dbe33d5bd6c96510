"""Things that tests need made: DAGs of reports and indexes, servers, people who use them."""
