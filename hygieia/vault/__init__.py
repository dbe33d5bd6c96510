"""What only a client may know, as pure rules over openpgp and ipld."""
