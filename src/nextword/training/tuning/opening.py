"""Starts, joins or resumes a study."""

from dataclasses import replace

from nextword.disk.files import write_file
from nextword.errors import CheckpointError, SettingError
from nextword.training.context import RunContext
from nextword.training.tuning.database import Database
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, read_study
from nextword.training.tuning.study_text import StudyText


def open_study(
    directory: StudyDirectory,
    wanted: StudySettings | None,
    context: RunContext,
    *,
    trials: int | None = None,
    database: Database | None = None,
) -> tuple[Study, StudyText]:
    """Return the study in a directory and its text; create the study from `wanted` if there is none.

    Args:
        directory: The directory of the study.
        wanted: The settings of a new study. For an existing study, `None` or the same settings.
        context: The data and cache folders.
        trials: Total number of trials (default: the number stored in the study).
        database: The database of the study, with its password (default: the address stored in the study).

    Raises:
        CheckpointError: There is no study to resume, or its text has changed.
        SettingError: Settings or search space are invalid, or differ from those of the study.
        TextError: The text cannot be found, read or used.
        StorageError: The file of the study is damaged or cannot be written, or its database cannot be opened.
    """
    has_begun = directory.study_file.exists()
    if wanted is None and not has_begun:
        raise CheckpointError(
            f"`{directory.root}` must be the directory of a study, but has no {directory.study_file.name}; "
            "start one with `nextword tune TEXT --study DIR`"
        )
    settings = wanted if wanted is not None and not has_begun else read_study(directory.study_file)[0]
    text = StudyText.load(settings.text, settings.base.text, data_dir=context.data_dir, cache_dir=context.cache_dir)
    if not has_begun:
        _begin(directory, settings, text, database)
    settings, text_sha256 = read_study(directory.study_file)
    if wanted is not None:
        settings.require_same(wanted)
    _require_same_database(settings, database)
    if text.sha256 != text_sha256:
        raise CheckpointError(
            f"a study must be resumed with its original text, but `{settings.text}` has changed; restore it, or give "
            "another directory"
        )
    if trials is not None:
        settings = replace(settings, options=settings.options.replace(trials=trials))
    study = Study(directory, settings, database)
    study.require_shared(text_sha256)
    return study, text


def _require_same_database(settings: StudySettings, database: Database | None) -> None:
    stored = settings.options.storage
    if database is not None and database.address != stored:
        raise SettingError(
            f"`--storage` must stay {stored or 'unset'}, as in the study, but is {database.address}; leave it out, "
            "unset NEXTWORD_STORAGE, or give another directory"
        )


def _begin(directory: StudyDirectory, settings: StudySettings, text: StudyText, database: Database | None) -> None:
    """Write the study to the disk, unless another process was faster."""
    # Check everything before the first write.
    _ = settings.space
    if (shared := database or settings.database) is not None:
        shared.open(grace_seconds=settings.options.grace_seconds, max_retries=0)
    with directory.lock():
        if not directory.study_file.exists():
            write_file(directory.study_file, settings.to_toml(text_sha256=text.sha256).encode())
