"""The rules about ciphertext: no HTTP, no adapter, no decryption."""
