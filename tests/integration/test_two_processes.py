"""Commits, changes, purges, indexes and deleted accounts here; sweeps without pause elsewhere.

Whatever the order turns out to be: what is visible is whole, what is gone is gone, and the room that
is counted is the room that is used (threats CL-03, CL-08).
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

from hygieia.domain.reports import State
from hygieia.domain.soundness import Checker
from tests.factories.dags import IndexParts, new_report, report_parts
from tests.factories.servers import Api, Member, new_id, running_api, settings_in
from tests.people import BOB

SWEEPER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from hygieia.config import load_settings
    from hygieia.server.services import build_services

    async def main():
        services = build_services(load_settings({}, None, {"data_dir": Path(sys.argv[1])}))
        print("sweeping", flush=True)
        rounds = 0
        while not Path(sys.argv[1], "enough").exists():
            done = await services.sweeper.sweep()
            bad = [kind for kind, code in done.failed_jobs if code not in ("stale-revision", "conflict")]
            assert not bad, done.failed_jobs
            rounds += 1
        await services.close()
        print(rounds, flush=True)

    asyncio.run(main())
    """
)
ROUNDS = 8


async def live_a_life(member: Member, seed: int) -> None:
    """Upload, change, delete, restore, purge, in an order of chance."""
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        parts = report_parts(chance.randbytes(chance.choice([10, 20_000])))
        kept, doomed = await member.upload(parts.dag(), new_report(chance.randbytes(9_000)))
        changed = await member.change(kept, parts.edited().dag(), "edit")
        assert changed.status == 200, changed.body
        path = f"/api/v1/reports/{doomed['id']}"
        assert (await member.call("DELETE", path)).status == 200
        if chance.random() < 0.5:
            assert (await member.call("POST", f"{path}/restore", {})).status == 200
            assert (await member.call("DELETE", path)).status == 200
        assert (await member.call("DELETE", f"{path}/purge")).status == 204


async def keep_an_index(member: Member) -> None:
    parts, rev = IndexParts.new(segments=3), 0
    for sequence in range(1, 2 * ROUNDS):
        dag = parts.dag()
        reply = await member.change_index(dag, rev=rev, sequence=sequence)
        assert reply.status == 200, reply.body
        rev = reply.json["rev"]
        if sequence % 5 == 0:
            kit = await member.call("PUT", "/api/v1/index/kit", {"root": str(dag.root)})
            assert kit.status == 200, kit.body
            rev = kit.json["rev"]
        parts = parts.changed()


async def come_and_go(api: Api) -> None:
    """An account that is deleted while it commits, again and again."""
    for _ in range(3):
        guest = await api.sign_up(replace(BOB, account=new_id()))
        busy = asyncio.gather(
            *(guest.upload(new_report()) for _ in range(3)), return_exceptions=True
        )
        gone = {"confirm": BOB.email, "login_secret": guest.person.seal().login_secret}
        while (reply := await guest.call("POST", "/api/v1/account/delete", gone)).status != 204:
            assert reply.status == 412, reply.body
        await busy


async def test_sweeps_elsewhere_harm_nothing_here(tmp_path: Path) -> None:
    async with running_api(settings_in(tmp_path)) as api:
        ada = await api.sign_up()
        data = api.services.settings.data_dir
        command = [sys.executable, "-c", SWEEPER, str(data)]
        sweeper = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            assert sweeper.stdout is not None
            await sweeper.stdout.readline()
            lives = (live_a_life(ada, seed) for seed in range(3))
            await asyncio.gather(*lives, keep_an_index(ada), come_and_go(api))
        finally:
            (data / "enough").touch()
            output, errors = await sweeper.communicate()
        assert sweeper.returncode == 0, errors.decode()[-2000:]
        assert int(output) > 1
        await everything_is_as_it_is_said(api, ada)


async def everything_is_as_it_is_said(api: Api, ada: Member) -> None:
    stores = api.services.stores
    for job in (await stores.documents.scan("jobs", limit=1000)).items:
        if job.body["kind"] == "clean-up-commit":
            # Of a guest who was deleted in the middle of a commit: due a quarter of an hour later.
            assert ada.person.account not in str(job.body["body"]), job
            continue
        assert job.body["kind"] in {"end-upload", "purge-report", "drop-account"}, job
    soundness = await Checker(stores).check()
    assert soundness.damaged == ()
    reports = (await ada.call("GET", "/api/v1/reports?limit=1000")).json["items"]
    assert len(reports) == 3 * ROUNDS
    usage = await stores.quotas.usage(ada.person.account)
    assert all(key.startswith("upload-") for key, _ in usage.holds), usage.holds
    charged = 0
    account = ada.person.account
    kept = await stores.reports.page(account, state=State.KEPT, after=None, limit=1000)
    for report in [*(report["id"] for report in reports), *(report.id for report in kept.items)]:
        versions = (await stores.documents.page("versions", report, limit=10)).items
        charged += sum(int(str(version.body["charged_bytes"])) for version in versions)
    assert usage.report_bytes == charged
