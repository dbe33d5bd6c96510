"""The models of the HTTP API, one module a noun."""
