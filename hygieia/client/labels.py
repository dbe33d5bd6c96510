"""What a person says about what she stores."""

from __future__ import annotations

from dataclasses import dataclass

from hygieia.client.sources import media_type_of
from hygieia.vault import words
from hygieia.vault.report_meta import Draft


@dataclass(frozen=True, slots=True)
class Labels:
    """What a person says about what she stores; None leaves it to the file."""

    title: str | None = None
    file_name: str | None = None
    category: str = words.DEFAULT_CATEGORY
    subject: str | None = None
    profession: str | None = None

    def as_options(self) -> list[str]:
        """The labels as text, to tell one job from another."""
        return [repr(self)]

    def draft(self, file_name: str, title: str, *, owner: str, author: str) -> Draft:
        """What the meta of a file with this name and title will say."""
        name = file_name if self.file_name is None else self.file_name
        return Draft(
            title=title if self.title is None else self.title,
            file_name=name,
            media_type=media_type_of(name),
            owner=owner,
            author=author,
            subject=self.subject or owner,
            category=self.category,
            profession=self.profession,
        )
