"""A customer's site that isn't ours: a small shop that shows the demo workspace's messenger."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse

from apps.core.access import allow
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.views import Page
from apps.workspaces import installation
from apps.workspaces.models import Workspace

DEMO = Exemption(
    "demo", "the demo's workspace is found by its name, for its shop and the commands that make and fill it"
)
DEMO_WORKSPACE = "Acme Bikes"
"""The name of the workspace that ``manage.py demo`` makes."""


@dataclass(frozen=True, slots=True)
class Product:
    """A bike."""

    slug: str
    name: str
    line: str
    price: str
    frame: str
    gears: str
    weight: str
    paint: str
    shape: str = "diamond"


PRODUCTS = {
    product.slug: product
    for product in (
        Product(
            "commuter",
            "The Commuter",
            "Mudguards, lights, a rack. It just goes.",
            "1,190",
            "Steel",
            "8, in the hub",
            "13.8 kg",
            "pine",
        ),
        Product(
            "gravel", "The Gravel", "Roads that stop being roads.", "2,240", "Steel", "12, one ring", "10.4 kg", "clay"
        ),
        Product(
            "stepover",
            "The Stepover",
            "Easy to get on, hard to get off.",
            "1,290",
            "Steel, low",
            "7, in the hub",
            "14.9 kg",
            "sky",
            "step",
        ),
        Product(
            "cargo",
            "The Cargo",
            "Two children, or a week of shopping.",
            "3,480",
            "Steel, long",
            "5, stepless",
            "26.5 kg",
            "sun",
            "cargo",
        ),
        Product(
            "tourer", "The Tourer", "Built for four bags and a bad map.", "1,980", "Steel", "3 × 9", "13.1 kg", "plum"
        ),
        Product("single", "The Single", "One gear, no excuses.", "790", "Steel", "1", "9.9 kg", "stone"),
    )
}


def demo_workspace() -> Workspace | None:
    """Return the workspace that ``manage.py demo`` made, if it is here."""
    with scopes.every_workspace(DEMO):
        return Workspace.objects.filter(name=DEMO_WORKSPACE).order_by("created_at").first()


class Shop(Page):
    """The shop, or one of its bikes, with the messenger."""

    template = "demo/shop.html"

    @allow(public=True)
    def get(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        """Show the page. Where there is no demo workspace, there is no shop."""
        workspace = demo_workspace()
        if workspace is None or (slug and slug not in PRODUCTS):
            raise Http404
        return self.render(
            workspace=workspace,
            widget_url=installation.widget_url(request),
            products=list(PRODUCTS.values()),
            product=PRODUCTS.get(slug),
        )
