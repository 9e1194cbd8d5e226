"""Griffe extension: `Example:` in a docstring is a section of code, as `Examples:` is."""

from typing import Any

from griffe import Extension, Object


class Examples(Extension):
    """Renames the section before docstrings are parsed, so that its brackets are not taken for links."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
