"""The HTTP server: routes, schemas, gateway and the composition root."""
