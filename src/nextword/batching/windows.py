"""The choice among the ways of cutting windows."""

from nextword.batching.options import BatchOptions
from nextword.batching.streams import Streams
from nextword.batching.successive import SuccessiveWindows
from nextword.batching.varied_streams import VariedStreams, is_varied
from nextword.batching.window import TokenIds, Windows


def make_windows(ids: TokenIds, options: BatchOptions, *, end_id: int) -> Windows:
    """Return the windows over `ids` that `options` ask for.

    `end_id` is the id of `<eos>`, from which the very first token is predicted.

    Raises:
        SettingError: The text has too few tokens for a window.
    """
    if options.windows == "streams" and is_varied(options):
        return VariedStreams(ids, options, first_input=end_id)
    if options.windows == "streams":
        return Streams(ids, batch_size=options.batch_size, num_steps=options.num_steps, first_input=end_id)
    return SuccessiveWindows(
        ids,
        batch_size=options.batch_size,
        num_steps=options.num_steps,
        skip_step=options.skip_step or options.num_steps,
    )
