"""Train in the tasks of a Ray cluster, after `ray start --head`.

Example: `python examples/processes/ray_tasks.py my-text.txt /shared/runs/ray --strategy population --processes 2`.
"""

import argparse

import ray

import nextword.ray


def main() -> None:
    """Train, and print the validation perplexities of each process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("run")
    parser.add_argument("--strategy", default="population", choices=["population", "data-parallel", "local-steps"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--epochs", type=float, default=2.0)
    options = parser.parse_args()
    ray.init(address="auto")
    perplexities = nextword.ray.train(
        options.text,
        strategy=options.strategy,
        num_processes=options.processes,
        run=options.run,
        preset=options.preset,
        epochs=options.epochs,
    )
    for number, values in enumerate(perplexities):
        print(f"process {number}: valid perplexity {', '.join(f'{value:.2f}' for value in values)}")


if __name__ == "__main__":
    main()
