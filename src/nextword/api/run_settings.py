"""The settings of a run by name, so that an editor completes them. Made by scripts/run_settings.py."""

from collections.abc import Sequence
from typing import Literal, TypedDict


class RunSettings(TypedDict, total=False):
    """Settings that `nextword.train` takes in `settings`; `nextword train --help-all` explains each.

    Example:
        >>> settings: RunSettings = {"hidden_sizes": (256, 256), "learning_rate": 0.002}
    """

    # Text
    tokenizer: Literal["auto", "pretokenized", "word", "subword", "character"]
    line_ends: Literal["auto", "line", "paragraph"]
    maximum_vocabulary: int | None
    minimum_count: int | None
    valid_fraction: float
    test_fraction: float
    on_bad_bytes: Literal["strict", "replace"]
    field: str
    sender: str | None
    document: Literal["auto", "file", "paragraph", "line"]
    split_by: Literal["bytes", "document"]
    deduplicate: Literal["none", "documents", "lines"]
    text_order: Literal["given", "documents", "blocks"]
    text_seed: int
    # Model
    embedding_size: int
    hidden_sizes: Sequence[int]
    tied: bool
    adaptive_cutoffs: Sequence[int]
    adaptive_factor: float
    cell: Literal["lstm", "mogrifier_lstm", "gru", "rnn"]
    cap_input_gate: bool
    layer_normalization: bool
    state_modulation: bool
    skip_connections: bool
    mogrifier_rounds: int
    mogrifier_rank: int | None
    mixture_size: int
    narrowed_output: bool
    embedding_dropout_rate: float
    input_dropout_rate: float
    hidden_dropout_rate: float
    output_dropout_rate: float
    latent_dropout_rate: float
    state_dropout_rate: float
    weight_drop_rate: float
    locked_dropout: bool
    forget_bias: float
    initializer: Literal["glorot", "uniform"]
    initializer_scale: float
    # Batches
    windows: Literal["streams", "successive"]
    batch_size: int
    num_steps: int
    skip_step: int | None
    variable_num_steps: bool
    shuffle: Literal["none", "partial"]
    reset_rate: float
    shuffle_seed: int
    # Training
    epochs: float
    minutes: float | None
    round_steps: int | None
    base: str | None
    start: Literal["random", "counts", "mean"]
    optimizer: Literal["adam", "sgd"]
    beta_1: float
    beta_2: float
    weight_decay: float
    learning_rate: float
    embedding_rate_ratio: float
    loss: Literal["mean", "sum_over_time"]
    activation_regularization: float
    temporal_activation_regularization: float
    sampled_softmax: int | None
    teacher: str | None
    teacher_weight: float
    clip_norm: float | None
    schedule: Literal["constant", "linear", "one_cycle", "step", "plateau"]
    warmup_fraction: float
    constant_epochs: int
    decay_factor: float
    plateau_rounds: int
    averaging: Literal["none", "exponential", "triggered", "two_tailed"]
    averaging_decay: float
    averaging_patience: int
    averaging_latest_round: int | None
    patience: int | None
    mixture: bool
    compute_dtype: Literal["auto", "float32", "bfloat16"]
    seed: int
