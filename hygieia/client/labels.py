"""What a person says about what she stores."""

from __future__ import annotations

from dataclasses import dataclass

from hygieia.client.sources import media_type_of
from hygieia.errors import UsageError
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

    def check(self) -> None:
        """Judge what was said before anything is read or asked for. Raises ``InvalidInput``."""
        if self.title is not None:
            words.check_title(self.title)
        if self.file_name is not None:
            words.check_file_name(self.file_name)
        words.check_slug(self.category, "A category")
        if self.profession is not None:
            words.check_slug(self.profession, "A profession")

    def check_count(self, files: int) -> None:
        """Raise ``UsageError`` where there are no files, or several for one title or name."""
        if not files:
            raise UsageError("There is nothing to store: the folders hold no files.")
        if files > 1 and (self.title or self.file_name):
            raise UsageError("One title or name cannot be given to several files.")

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
