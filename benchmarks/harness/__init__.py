"""The parts of the benchmarks: peers in separate processes, the work they do, and reports."""
