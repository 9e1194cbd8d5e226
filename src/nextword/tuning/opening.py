"""Begin a study, join it, or go on with it."""

from dataclasses import replace

from nextword.errors import CheckpointError
from nextword.storage.single_file import write_file
from nextword.training.context import RunContext
from nextword.tuning.study import Study, open_database
from nextword.tuning.study_settings import StudyDirectory, StudySettings, read_study
from nextword.tuning.study_text import StudyText


def open_study(
    directory: StudyDirectory, wanted: StudySettings | None, context: RunContext, *, trials: int | None = None
) -> tuple[Study, StudyText]:
    """Return the study in a directory and its text; if there is none yet, `wanted` becomes it.

    Args:
        directory: Where the study is or will be.
        wanted: What it will be; a study that has begun needs none, and refuses another than itself.
        context: Where the text is looked for.
        trials: Trials in all, in place of the number that the study began with.

    Raises:
        CheckpointError: There is no study to go on with, or its text has changed.
        SettingError: Settings or search space are refused, or differ from those of the study.
        TextError: The text cannot be found, read or used.
        StorageError: The study's file is damaged or cannot be written, or its database cannot be opened.
    """
    has_begun = directory.study_file.exists()
    if wanted is None and not has_begun:
        raise CheckpointError(
            f"`{directory.root}` must be the directory of a study, but has no {directory.study_file.name}; "
            "begin one with `nextword tune TEXT --study DIR`"
        )
    settings = wanted if wanted is not None and not has_begun else read_study(directory.study_file)[0]
    text = StudyText.load(settings.text, settings.base.text, data_dir=context.data_dir, cache_dir=context.cache_dir)
    if not has_begun:
        _begin(directory, settings, text)
    settings, text_sha256 = read_study(directory.study_file)
    if wanted is not None:
        settings.require_same(wanted)
    if text.sha256 != text_sha256:
        raise CheckpointError(
            f"a study must go on with the text that it began with, but `{settings.text}` has changed since; put it "
            "back, or name another directory"
        )
    if trials is not None:
        settings = replace(settings, options=settings.options.replace(trials=trials))
    study = Study(directory, settings)
    study.require_shared(text_sha256)
    return study, text


def _begin(directory: StudyDirectory, settings: StudySettings, text: StudyText) -> None:
    """Write the study down, unless another process was faster."""
    # What is wrong is refused before anything is written.
    _ = settings.space
    if settings.options.storage is not None:
        open_database(settings.options.storage)
    with directory.lock():
        if not directory.study_file.exists():
            write_file(directory.study_file, settings.to_toml(text_sha256=text.sha256).encode())
