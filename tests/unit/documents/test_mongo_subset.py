"""Only what motor, pymongo's own asynchronous client and MongoDB-like servers share is used."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import motor.motor_asyncio as motor
import pymongo.asynchronous.collection
import pymongo.asynchronous.cursor
import pymongo.asynchronous.database
import pytest
from pymongo import AsyncMongoClient

from hygieia.documents import mongo, mongo_records, mongo_start

DATABASE = {"command", "list_collection_names"}
COLLECTION = {
    "bulk_write",
    "create_indexes",
    "delete_many",
    "delete_one",
    "find",
    "find_one",
    "find_one_and_update",
    "insert_one",
}
CURSOR = {"limit", "sort", "to_list"}
CLIENT = {"close", "get_default_database"}
OPERATORS = {"$gt", "$in", "$inc", "$lt", "$lte", "$not", "$set", "$unset"}
"""No ``$lookup``, no aggregation, no transaction, no change stream: FACTS of other servers."""


def tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def used_on(node: ast.AST, owner: str) -> set[str]:
    """Names asked of ``self.OWNER``, or of ``self.OWNER[...]`` under ``OWNER[]``."""
    found = set()
    for one in ast.walk(node):
        if not isinstance(one, ast.Attribute):
            continue
        value: ast.expr = one.value
        if owner.endswith("[]"):
            if not isinstance(value, ast.Subscript):
                continue
            value = value.value
        if isinstance(value, ast.Attribute) and value.attr == owner.removesuffix("[]"):
            found.add(one.attr)
    return found


def test_nothing_else_is_asked_of_the_driver() -> None:
    tree = tree_of(mongo)
    assert used_on(tree, "_database") == DATABASE
    assert used_on(tree, "_database[]") == COLLECTION
    assert used_on(tree, "_client") == CLIENT


@pytest.mark.parametrize(
    ("names", "drivers"),
    [
        (CLIENT, (motor.AsyncIOMotorClient, AsyncMongoClient)),
        (DATABASE, (motor.AsyncIOMotorDatabase, pymongo.asynchronous.database.AsyncDatabase)),
        (
            COLLECTION,
            (motor.AsyncIOMotorCollection, pymongo.asynchronous.collection.AsyncCollection),
        ),
        (CURSOR, (motor.AsyncIOMotorCursor, pymongo.asynchronous.cursor.AsyncCursor)),
    ],
    ids=["client", "database", "collection", "cursor"],
)
def test_both_drivers_have_it(names: set[str], drivers: tuple[type, type]) -> None:
    for driver in drivers:
        assert {name for name in names if not hasattr(driver, name)} == set()


def test_no_other_operator_is_sent() -> None:
    sent = {
        node.value
        for module in (mongo, mongo_records, mongo_start)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("$")
    }
    assert sent == OPERATORS
