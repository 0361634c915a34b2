"""The audit log, as an owner reads it."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import expect

from apps.audit.models import AuditEntry
from apps.workspaces import actions
from tests import factories
from tests.e2e.crowd import Crowd


def test_an_owner_filters_the_log_pages_through_it_and_takes_a_copy(crowd: Crowd, tmp_path: Path) -> None:
    owner = crowd.owner()
    page = owner.page
    member = factories.make_member(crowd.workspace, name="Ali Demir")
    for number in range(60):
        actions.change_role(member, "viewer" if number % 2 else "admin", by=owner.caller.member)
    page.goto("/settings/audit/")
    rows = page.locator("table.audit tbody tr")
    expect(rows.first).to_contain_text("changed Ali Demir from")
    page.get_by_role("link", name="Show more").scroll_into_view_if_needed()
    expect(rows.last).not_to_contain_text("changed Ali Demir")
    page.get_by_label("Action").select_option("member.added")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("gave Ali Demir a seat as agent")
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Action").select_option("member.changed")
    expect(rows.first).to_contain_text("changed Ali Demir from")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "log.csv")
    with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        copied = list(csv.DictReader(file))
    assert len(copied) == 60
    assert {row["action"] for row in copied} == {"member.changed"}
    assert AuditEntry.objects.filter(action="audit.exported", details={"entries": 60, "format": "csv"}).count() == 1


def test_an_owner_says_how_long_the_log_is_kept(crowd: Crowd) -> None:
    page = crowd.owner().page
    page.goto("/settings/audit/")
    page.get_by_label("Keep entries for").select_option("365")
    expect(page.get_by_text("Entries are kept for 365 days.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Keep entries for")).to_have_value("365")
