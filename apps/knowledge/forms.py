"""The forms about articles, collections and the help centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms

from apps.core import limits
from apps.knowledge import languages
from apps.knowledge.collections import Node
from apps.knowledge.models import Article, Collection, HelpCenter
from apps.workspaces.models import Member


class TextForm(forms.Form):
    """What an article says, and from which version that was made."""

    title = forms.CharField(
        label="Title",
        max_length=limits.ARTICLE_TITLE_CHARACTERS,
        widget=forms.TextInput(attrs={"class": "editor__title", "placeholder": "Title", "autocomplete": "off"}),
    )
    summary = forms.CharField(
        label="Summary",
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={
                "class": "editor__summary",
                "placeholder": "One sentence that says what this answers",
                "autocomplete": "off",
            }
        ),
    )
    body = forms.CharField(
        label="Text",
        required=False,
        strip=False,
        max_length=limits.ARTICLE_CHARACTERS,
        widget=forms.Textarea(
            attrs={"class": "editor__body", "placeholder": "Write in Markdown", "spellcheck": "true"}
        ),
    )
    base = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


def _indented(nodes: Sequence[Node]) -> list[tuple[str, str]]:
    walked = [node for top in nodes for node in top.walk()]
    return [(str(node.collection.pk), "\u2003" * node.depth + node.collection.name) for node in walked]


class DetailsForm(forms.Form):
    """Where an article lies, who may read it, in which language, and under which address."""

    audience = forms.ChoiceField(label="Who may read it", choices=Article.Audience.choices)
    collection = forms.ChoiceField(label="Collection", required=False)
    language = forms.ChoiceField(label="Language")
    slug = forms.CharField(
        label="Address", max_length=60, help_text="The last part of its address. The old one leads to the new one."
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        max_length=2000,
        help_text="With commas between them. Articles that share tags are related.",
    )
    authors = forms.MultipleChoiceField(label="Authors", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, article: Article, nodes: Sequence[Node], members: Sequence[Member], data: Any = None) -> None:
        super().__init__(
            data,
            initial={
                "audience": article.audience,
                "collection": str(article.collection_id or ""),
                "language": article.language,
                "slug": article.slug,
                "tags": ", ".join(article.tags),
                "authors": [str(id_) for id_ in article.credits.values_list("member_id", flat=True)],
            },
        )
        choice: Any = self.fields["collection"]
        choice.choices = [("", "None"), *_indented(nodes)]
        language: Any = self.fields["language"]
        known = languages.choices()
        language.choices = known if article.language in dict(known) else [(article.language, article.language), *known]
        authors: Any = self.fields["authors"]
        authors.choices = [(str(member.pk), member.label) for member in members]

    def clean_tags(self) -> list[str]:
        tags = list(dict.fromkeys(tag for part in self.cleaned_data["tags"].split(",") if (tag := part.strip())))
        if len(tags) > limits.ARTICLE_TAGS or any(len(tag) > 50 for tag in tags):
            raise forms.ValidationError(f"At most {limits.ARTICLE_TAGS} tags of 50 characters each.")
        return tags

    def clean_authors(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["authors"]
        if len(chosen) > limits.ARTICLE_AUTHORS:
            raise forms.ValidationError(f"Name at most {limits.ARTICLE_AUTHORS} authors.")
        return chosen


class StatusForm(forms.Form):
    """Whether readers see an article, or from when on."""

    status = forms.ChoiceField(choices=Article.Status.choices)
    publish_at = forms.DateTimeField(
        label="Publish at (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("status") == Article.Status.SCHEDULED and not said.get("publish_at"):
            self.add_error("publish_at", "Choose a time to come.")
        return said


class CollectionForm(forms.Form):
    """A collection's name and description."""

    name = forms.CharField(label="Name", max_length=limits.NAME_CHARACTERS)
    description = forms.CharField(
        label="Description", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class NewCollectionForm(CollectionForm):
    """A new collection, and where it goes."""

    parent = forms.ChoiceField(label="Within", required=False)

    def __init__(self, nodes: Sequence[Node], data: Any = None) -> None:
        super().__init__(data)
        choice: Any = self.fields["parent"]
        choice.choices = [("", "The top"), *_indented(nodes)]


class EditCollectionForm(CollectionForm):
    """A collection's name, description and address."""

    slug = forms.CharField(label="Address", max_length=60, help_text="The old address leads to the new one.")

    def __init__(self, collection: Collection, data: Any = None) -> None:
        initial = {"name": collection.name, "description": collection.description, "slug": collection.slug}
        super().__init__(data, initial=initial)


if TYPE_CHECKING:
    _HelpCenterModelForm = forms.ModelForm[HelpCenter]
else:
    _HelpCenterModelForm = forms.ModelForm


class HelpCenterForm(_HelpCenterModelForm):
    """Where the help centre is, what it is called and who may read it."""

    class Meta:
        model = HelpCenter
        fields = ["title", "tagline", "slug", "language", "mode"]
        labels = {"mode": "Who may read it", "tagline": "Greeting", "slug": "Address", "language": "Language"}
        help_texts = {
            "slug": "The last part of its address. Links to the old one end when it changes.",
            "tagline": "Stands above the search.",
            "language": "What readers see first, where there are translations.",
        }
        widgets = {"mode": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"] = forms.ChoiceField(
            label="Language", choices=languages.choices(), help_text=self.fields["language"].help_text
        )

    def validate_unique(self) -> None:
        """Leave it to the database: only it sees the addresses of other workspaces."""
