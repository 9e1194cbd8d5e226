"""What is checked of the programs on PyTorch, in PyTorch's own Python, which has no pytest.

python check_quality_torch.py FOLDER_OF_PROGRAMS
"""

import sys
from collections.abc import Callable
from dataclasses import replace

sys.path.insert(0, sys.argv[1])

import numpy as np
import torch
from torch.nn.functional import logsigmoid

import quality_pytorch as pytorch
import quality_transformer as transformer
import quality_word_language_model as word_language_model

IDS = np.random.default_rng(0).integers(30, size=53)
RECIPE = transformer.Recipe(width=8, num_layers=2, num_heads=2, context=8)
SMALL = pytorch.Recipe(width=8, batch_size=3, num_steps=4, compute_dtype="float32")


def check_windows_predict_each_token_from_what_stands_before_it() -> None:
    for mixer in transformer.MIXERS:
        require_each_token_predicted_from_what_stands_before_it(replace(RECIPE, mixer=mixer))


def require_each_token_predicted_from_what_stands_before_it(recipe: transformer.Recipe) -> None:
    torch.manual_seed(0)
    model = transformer.Transformer(30, recipe).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    inputs = np.concatenate([[4], IDS[:-1]])
    for stride in (1, 3, 8):
        expected = 0.0
        for index, token in enumerate(IDS):
            first = 0 if index < 8 else 8 + (index - 8) // stride * stride + stride - 8
            first = min(first, max(0, len(IDS) - 8))
            with torch.no_grad():
                logits = model(torch.from_numpy(inputs[None, first : index + 1]))
            expected -= torch.log_softmax(logits[0, -1], -1)[token].item()
        actual = transformer.total_loss(model, IDS, 4, stride)
        assert abs(actual - expected) < 1e-3, (stride, actual, expected)
        model.eval()


def check_a_minimal_gru_is_its_cumulative_sum_in_logarithms() -> None:
    torch.manual_seed(0)
    layer, inputs = transformer.MinGRU(RECIPE), 4 * torch.randn(3, 50, 8)
    gate, candidate = layer.gates_candidates(inputs).chunk(2, -1)
    log_positive = torch.where(candidate >= 0, torch.log(candidate.relu() + 0.5), logsigmoid(candidate))
    log_kept = torch.cumsum(logsigmoid(-gate), 1)
    expected = torch.exp(log_kept + torch.logcumsumexp(logsigmoid(gate) + log_positive - log_kept, 1))
    assert torch.allclose(layer(inputs), expected, rtol=1e-4)


def check_the_rate_rises_and_falls() -> None:
    for schedule, middle in (("linear", 0.55), ("cosine", 0.55)):
        recipe = replace(RECIPE, schedule=schedule, learning_rate=1.0, final_part=0.1, warmup_part=0.2)
        rates = [transformer.learning_rate(recipe, part) for part in (0.0, 0.1, 0.2, 0.6, 1.0)]
        assert np.allclose(rates, [0, 0.5, 1, middle, 0.1]), rates


def check_an_epoch_meets_every_token_of_its_cut_once() -> None:
    batches = transformer.epochs(np.arange(1000), RECIPE, 0)
    targets = np.concatenate([next(batches)[:, 1:].numpy().ravel() for _ in range(3)])
    assert len(set(targets)) == len(targets) == 3 * RECIPE.batch_size * RECIPE.context
    short = next(transformer.epochs(np.arange(20), RECIPE, 0))
    assert (short[:, 1:] - short[:, :-1] == 1).all()


def check_a_start_from_counts_knows_words_and_frequencies() -> None:
    model = transformer.Transformer(30, replace(RECIPE, start="counts"))
    random_row, vectors = model.embedding.weight[29].tolist(), np.ones((30, 8), np.float32)
    vectors[29] = 0.0
    model.start_from(vectors, IDS)
    assert torch.allclose(model.embedding.weight[:29], torch.tensor(0.02))
    assert model.embedding.weight[29].tolist() == random_row
    unigrams = (np.bincount(IDS, minlength=30) + 0.5) / (len(IDS) + 15)
    assert np.allclose(model.logits(torch.zeros(8)).exp().detach(), unigrams)


def check_matrices_alone_decay() -> None:
    model = transformer.Transformer(30, RECIPE)
    decaying, others = transformer.make_optimizer(model, RECIPE).param_groups
    assert all(parameter.dim() == 2 for parameter in decaying["params"])
    assert others["weight_decay"] == 0
    assert len(decaying["params"]) + len(others["params"]) == len(list(model.parameters()))


def check_carried_state_makes_the_window_length_no_matter() -> None:
    torch.manual_seed(0)
    recipe = word_language_model.Recipe(embedding_size=8, hidden_size=8)
    model = word_language_model.WordLanguageModel(30, recipe)
    inputs, targets = torch.from_numpy(IDS[:-1, None]), torch.from_numpy(IDS[1:, None])
    losses = [word_language_model.total_loss(model, inputs, targets, steps) for steps in (1, 7, 100)]
    assert np.allclose(losses, losses[0], rtol=1e-5), losses


def check_rows_are_parallel_streams() -> None:
    rows = word_language_model.in_rows(np.arange(11), 3)
    assert rows.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def check_the_recipe_in_pytorch_carries_its_state() -> None:
    torch.manual_seed(0)
    model = pytorch.make_model(30, SMALL)
    inputs, targets = torch.from_numpy(IDS[None, :-1]), torch.from_numpy(IDS[None, 1:])
    losses = [pytorch.total_loss(model, inputs, targets, steps) for steps in (1, 7, 100)]
    assert np.allclose(losses, losses[0], rtol=1e-5), losses


def check_its_windows_are_other_ones_in_every_epoch() -> None:
    found = pytorch.windows(np.arange(60), SMALL, 0)
    taken = [next(found) for _ in range(8)]
    assert [is_first for _, is_first in taken] == 2 * [True, False, False, False]
    for epoch in (taken[:4], taken[4:]):
        rows = torch.cat([window[:, :-1] for window, _ in epoch], 1)
        assert ((rows[:, 1:] - rows[:, :-1]) % 60 == 1).all()
    assert (taken[0][0] != taken[4][0]).all()
    assert all((window[:, 1:] == (window[:, :-1] + 1) % 60).all() for window, _ in taken)
    assert "15 tokens" in mistake_in(lambda: next(pytorch.windows(np.arange(14), SMALL, 0)))


def check_its_rate_and_its_start_are_nextword_s() -> None:
    recipe = replace(SMALL, learning_rate=1.0, warmup_part=0.2)
    assert np.allclose([pytorch.learning_rate(recipe, part) for part in (0, 0.1, 0.2, 0.6, 1)], [0, 0.5, 1, 0.5, 0])
    model = pytorch.make_model(30, SMALL)
    random_row, vectors = model.embedding.weight[29].tolist(), np.ones((30, 8), np.float32)
    vectors[29] = 0.0
    pytorch.start_from(model, vectors, IDS)
    assert torch.allclose(model.embedding.weight[:29], torch.tensor(0.5 / 3**0.5))
    assert model.embedding.weight[29].tolist() == random_row
    assert 0.1 < model.embedding.weight[29].std() < 0.6
    assert np.allclose(model.projection(torch.zeros(8)).exp().sum().item(), 1.0)


def check_mistakes_in_its_recipe_are_named() -> None:
    assert "`start` must be" in mistake_in(lambda: pytorch.Recipe(start="vectors"))
    assert "`start` must be" in mistake_in(lambda: transformer.Recipe(start="count"))
    assert "`schedule` must be" in mistake_in(lambda: transformer.Recipe(schedule="cosin"))
    assert "`warmup_part` must be" in mistake_in(lambda: pytorch.Recipe(warmup_part=0.0))


def mistake_in(call: Callable[[], object]) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("no mistake was found")


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            check()
            print(name)
