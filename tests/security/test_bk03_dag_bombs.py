"""BK-03 at the server: a small DAG that unfolds into a huge one is refused by what it claims."""

from __future__ import annotations

from hygieia.ipld.unixfs import Child
from tests.factories.batches import file_over, refusal, refusal_of_root
from tests.factories.dags import Dag, directory_dag, envelope_dag, file_dag, report_parts
from tests.factories.servers import Member

PARTS = report_parts()


def report_over(data_payload: Dag) -> Dag:
    header = file_dag(PARTS.header)
    data = file_over([header, data_payload])
    return directory_dag([("data.pgp", data), ("meta.pgp", envelope_dag(PARTS.header, PARTS.meta))])


async def test_forty_levels_of_two_links_to_one_child(ada: Member) -> None:
    payload = file_dag(PARTS.data)
    doubled = 0
    for _ in range(40):
        payload = file_over([payload, payload])
        doubled = payload.built.size_bytes
    assert doubled > 2**40
    assert await refusal(ada, report_over(payload)) in {"dag-refused", "quota-exceeded"}


async def test_twelve_levels_of_two_links_that_fit_the_quota(ada: Member) -> None:
    payload = file_dag(PARTS.data)
    for _ in range(12):
        payload = file_over([payload, payload])
    assert await refusal(ada, report_over(payload)) == "dag-refused"


async def test_a_chain_of_nodes_with_one_child_each(ada: Member) -> None:
    payload = file_dag(PARTS.data)
    for _ in range(1000):
        payload = file_over([payload])
    assert await refusal(ada, report_over(payload)) == "dag-refused"


async def test_leaves_smaller_than_they_need_be(ada: Member) -> None:
    leaves = [file_dag(PARTS.data[start : start + 100]) for start in range(0, 500, 100)]
    assert await refusal(ada, report_over(file_over(leaves))) == "dag-refused"


async def test_the_same_report_inside_itself_cannot_be_made_but_claimed(ada: Member) -> None:
    # A cycle would need a hash collision; what can be sent is a node that names an absent one.
    dag = report_over(file_dag(PARTS.data))
    child = Child(dag.root, 1 << 20, dag.built.tsize)
    looped = report_over(file_over([dag, dag], [child, child]))
    upload = await ada.start_upload()
    await ada.put(upload, looped.blocks)
    assert await refusal_of_root(ada, upload, looped.root) == "dag-refused"
