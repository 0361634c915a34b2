"""Single sign-on in a browser: an owner sets a provider up, a member links their account, and comes in by it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.e2e.people import PHONE
from tests.providers import CLIENT, SECRET, Provider


def test_a_provider_is_set_up_linked_and_signed_in_by(crowd: Crowd) -> None:
    with Provider(crowd.servers.provider_port) as provider:
        owner = crowd.owner(color_scheme="dark").page
        owner.goto("/settings/security/")
        assert_accessible(owner, "security without single sign-on")
        owner.get_by_role("link", name="Set up single sign-on").click()
        expect(owner.locator(".redirect__value")).to_contain_text(f"/sso/{crowd.workspace.pk}/callback/")
        owner.get_by_label("Issuer").fill(provider.issuer)
        owner.get_by_label("Client id").fill(CLIENT)
        owner.get_by_label("Client secret").fill(SECRET)
        owner.get_by_label("Name of the button").fill("Corp")
        owner.get_by_label("Domains", exact=True).fill("team.example")
        owner.get_by_role("button", name="Save").click()
        expect(owner.get_by_text("Saved", exact=True)).to_be_visible()
        owner.get_by_role("button", name="Test the connection").click()
        expect(owner.get_by_text("It knows the client id and the secret.")).to_be_visible()
        assert_accessible(owner, "a provider that was tested")
        owner.goto("/settings/security/")
        owner.get_by_role("checkbox", name="Single sign-on").check()
        owner.get_by_role("button", name="Update how members get in").click()
        expect(owner.get_by_text("Saved", exact=True)).to_be_visible()

        agent = crowd.agent()
        agent.page.goto("/settings/profile/")
        agent.page.get_by_role("button", name="Link Corp").click()
        assert_accessible(agent.page, "linking an account")
        agent.page.get_by_role("link", name="Continue with Corp").click()
        expect(agent.page.get_by_role("button", name="Unlink")).to_be_visible()
        assert_accessible(agent.page, "a linked account")

        elsewhere = crowd.visitor(viewport=PHONE, color_scheme="dark", base_url=crowd.servers.origin)
        page = elsewhere.page
        page.goto("/sign-in/?next=/settings/profile/")
        page.get_by_label("E-mail").fill(agent.caller.member.user.email)
        page.get_by_role("button", name="Use single sign-on").click()
        assert_accessible(page, "going to the provider")
        page.get_by_role("link", name="Continue with Corp").click()
        expect(page.get_by_label("Name")).to_have_value("Ada Okafor")

        provider.refuses = True
        stranger = crowd.visitor(base_url=crowd.servers.origin)
        stranger.may_complain = True
        stranger.page.goto(f"/sso/{crowd.workspace.pk}/")
        stranger.page.get_by_role("link", name="Continue with Corp").click()
        expect(stranger.page.get_by_role("heading", name="That didn't work")).to_be_visible()
        assert_accessible(stranger.page, "a provider that declines")
