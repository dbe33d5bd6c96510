"""Argon2 as it is, each password once: that it is slow is tested elsewhere."""

from __future__ import annotations

import functools

import argon2.low_level

stretch_once = functools.cache(argon2.low_level.hash_secret_raw)
"""For ``argon2.low_level.hash_secret_raw``, where a test's people sign in again and again."""
